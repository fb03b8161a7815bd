import { describe, expect, it, vi } from "vitest";
import type { Participant } from "../../index.ts";
import { TrustModel, trustOf } from "./trust.ts";

function person(clientId: string, name: string, key: string, remembered = true): Participant {
  return {
    clientId,
    name,
    isSelf: false,
    role: "member",
    permitted: [],
    identity: { key, remembered },
    crypto: { state: "secure", reason: "silent" },
    microphone: { on: false },
    camera: { on: false },
    speaking: false,
    recording: false,
    unheard: false,
  };
}

describe("trust in a person", () => {
  it("belongs to the key, whatever they are called", () => {
    const kept = [{ key: "ada-key", name: "Ada" }];
    expect(trustOf("ada-key", "Countess", kept, new Set())).toBe("verified");
    expect(trustOf("eve-key", "Eve", kept, new Set())).toBe("unknown");
  });

  it("warns of a verified person's name with another key, also when it is spelled a little differently", () => {
    const kept = [{ key: "ada-key", name: "Ada Lovelace" }];
    for (const name of ["Ada Lovelace", " ada  lovelace", "Ａda Lovelace"]) {
      expect(trustOf("eve-key", name, kept, new Set()), name).toBe("changed");
    }
  });

  it("is marked, kept for a device that is remembered, and taken back", () => {
    const store = new Map<string, string>();
    vi.stubGlobal("localStorage", {
      getItem: (key: string) => store.get(key) ?? null,
      setItem: (key: string, value: string) => store.set(key, value),
    });
    const ada = person("1", "Ada", "ada-key");
    const bob = person("2", "Bob", "bob-key", false);
    const trust = new TrustModel(() => undefined);
    trust.setVerified(ada, true);
    trust.setVerified(bob, true);
    expect([trust.of(ada), trust.of(bob)]).toEqual(["verified", "verified"]);
    // The next call: Bob's key was of the last one only.
    const next = new TrustModel(() => undefined);
    expect([next.of(ada), next.of(bob)]).toEqual(["verified", "unknown"]);
    next.setVerified(ada, false);
    expect(next.of(ada)).toBe("unknown");
    expect(new TrustModel(() => undefined).of(ada)).toBe("unknown");
    vi.unstubAllGlobals();
  });

  it("says once who is not the one that was verified", () => {
    vi.stubGlobal("localStorage", { getItem: () => JSON.stringify([{ key: "ada-key", name: "Ada" }]) });
    const said = vi.fn();
    const trust = new TrustModel(said);
    const people = [person("1", "Ada", "eve-key"), person("2", "Bob", "bob-key")];
    trust.follow(people);
    trust.follow(people);
    expect(said).toHaveBeenCalledTimes(1);
    expect(said.mock.calls[0]?.[0]).toContain("Ada");
    vi.unstubAllGlobals();
  });
});
