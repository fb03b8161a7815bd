import { describe, expect, it } from "vitest";
import type { Participant } from "../../index.ts";
import { View } from "./view.ts";

function person(clientId: string, change: Partial<Participant> = {}): Participant {
  return {
    clientId,
    name: clientId,
    isSelf: false,
    role: "member",
    identity: undefined,
    permitted: ["microphone", "camera", "screen_video", "screen_audio"],
    crypto: { state: "secure", reason: "receiving" },
    microphone: { on: true },
    camera: { on: true },
    speaking: false,
    recording: false,
    unheard: false,
    ...change,
  };
}

const self = person("me", { isSelf: true });

describe("View", () => {
  it("shows the last speaker large in the speaker view, and stays with them in a pause", () => {
    const view = new View();
    view.layout.value = "speaker";
    const quiet = [person("Ana"), person("Bo"), self];
    expect(view.cast(quiet).mains).toEqual(["Ana"]);
    view.follow([person("Ana"), person("Bo", { speaking: true }), self]);
    view.follow(quiet);
    expect(view.cast(quiet)).toEqual({ mains: ["Bo"], others: ["Ana", "me"] });
    expect(view.byVoice).toBe(true);
  });

  it("does not jump between two who speak at once, and never to oneself", () => {
    const view = new View();
    view.layout.value = "speaker";
    const both = [person("Ana", { speaking: true }), person("Bo", { speaking: true })];
    view.follow([person("Ana"), person("Bo", { speaking: true })]);
    view.follow(both);
    expect(view.speaker.value).toBe("Bo");
    view.follow([...both, person("me", { isSelf: true, speaking: true })]);
    expect(view.speaker.value).toBe("Bo");
  });

  it("shows a pinned person large whoever speaks, until they leave", () => {
    const view = new View();
    view.pinned.value = "Ana";
    const people = [person("Ana"), person("Bo", { speaking: true }), self];
    view.follow(people);
    expect(view.cast(people).mains).toEqual(["Ana"]);
    expect(view.byVoice).toBe(false);
    view.follow([self]);
    expect(view.cast([self])).toEqual({ mains: [], others: ["me"] });
  });

  it("puts the others' shared screens on the stage, all of them, and one's own not", () => {
    const view = new View();
    const share = { crypto: { state: "secure", reason: "receiving" } } as const;
    const people = [person("Ana", { share }), person("Bo"), person("Cyd", { share }), { ...self, share }];
    expect(view.cast(people)).toEqual({ mains: ["screen Ana", "screen Cyd"], others: ["Ana", "Bo", "Cyd", "me"] });
    view.pinned.value = "screen Cyd";
    view.follow(people);
    expect(view.cast(people)).toEqual({ mains: ["screen Cyd"], others: ["screen Ana", "Ana", "Bo", "Cyd", "me"] });
    view.follow([person("Ana", { share }), person("Cyd")]);
    expect(view.pinned.value).toBeUndefined();
  });

  it("hides the own picture while others are there", () => {
    const view = new View();
    view.selfShown.value = false;
    expect(view.cast([person("Ana"), self]).others).toEqual(["Ana"]);
    expect(view.cast([self]).others).toEqual(["me"]);
  });

  it("remembers how loud each one is for me", () => {
    const view = new View();
    view.setLoudness("Ana", { volume: 0.3 });
    view.setLoudness("Ana", { muted: true });
    expect(view.loudnessOf("Ana")).toEqual({ volume: 0.3, muted: true });
    expect(view.loudnessOf("Bo")).toEqual({ volume: 1, muted: false });
  });
});
