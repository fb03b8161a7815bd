import { signal } from "@preact/signals";
import { describe, expect, it, vi } from "vitest";
import type { Participant } from "../../index.ts";
import type { RecorderTrouble } from "../record/recorder.ts";
import { MemoryStore } from "../record/store.ts";
import { text } from "../text.ts";
import { fileName, RecordingModel, type RecordingTools } from "./recording.ts";

function world(change: Partial<RecordingTools> = {}, connected = true) {
  const steps: string[] = [];
  const saved: number[] = [];
  let trouble: Parameters<RecordingTools["record"]>[2] = () => undefined;
  const store = new MemoryStore(10, (pieces) => saved.push(pieces.length));
  const tools: RecordingTools = {
    format: () => ({ mime: "video/webm", extension: "webm" }),
    open: () => Promise.resolve({ store, inMemory: false }),
    record: (_, __, onTrouble) => {
      steps.push("record");
      trouble = onTrouble;
      return {
        setPeople: (people) => steps.push(`people ${people.length}`),
        stop: () => {
          steps.push("stop");
          return store.close();
        },
      };
    },
    ...change,
  };
  const setRecording = (on: boolean) => {
    steps.push(on ? "tell" : "untell");
    return connected;
  };
  const announce = vi.fn();
  const people = signal<readonly Participant[]>([]);
  const allowed = signal(true);
  const model = new RecordingModel({ setRecording }, people, allowed, announce, tools);
  return { model, allowed, steps, saved, announce, store, people, meets: (what: RecorderTrouble) => trouble(what) };
}

describe("a recording", () => {
  it("begins after everybody was told, and tells them only when it is over", async () => {
    const { model, steps } = world();
    await model.toggle();
    expect(model.state.value).toBe("on");
    await model.toggle();
    expect(model.state.value).toBe("off");
    expect(steps).toEqual(["tell", "record", "people 0", "stop", "untell"]);
  });

  it("does not begin when nobody can be told", async () => {
    const { model, steps, announce } = world({}, false);
    await model.toggle();
    expect(model.state.value).toBe("off");
    expect(steps).toEqual(["tell"]);
    expect(announce).toHaveBeenCalledWith(text.recording.notConnected, "problem");
  });

  it("tells nobody when the person wants no file, or the browser cannot record, and says why", async () => {
    const cancelled = world({ open: () => Promise.resolve(undefined) });
    await cancelled.model.toggle();
    const unable = world({ format: () => undefined });
    await unable.model.toggle();
    expect([...cancelled.steps, ...unable.steps]).toEqual([]);
    expect(unable.announce).toHaveBeenCalledWith(text.recording.unsupported, "problem");
  });

  it("ends with the call, also when it was about to begin", async () => {
    const running = world();
    await running.model.toggle();
    running.model.close();
    await vi.waitFor(() => expect(running.steps).toContain("stop"));
    const late = world();
    const starting = late.model.toggle();
    late.model.close();
    await starting;
    expect(late.steps).toEqual([]);
  });

  it("is saved when there is no room for more", async () => {
    const { model, announce, saved, store, meets } = world();
    await model.toggle();
    expect(await store.write(new Blob(["123456"]))).toBe(true);
    expect(await store.write(new Blob(["789012"]))).toBe(false);
    expect(await store.write(new Blob(["3"]))).toBe(false);
    meets("full");
    await vi.waitFor(() => expect(model.state.value).toBe("off"));
    expect(saved).toEqual([1]);
    expect(announce).toHaveBeenCalledWith(text.recording.full, "problem");
  });

  it("goes on without sound, and says so", async () => {
    const { model, announce, meets } = world();
    await model.toggle();
    meets("silent");
    expect(model.state.value).toBe("on");
    expect(announce).toHaveBeenCalledWith(text.recording.silent, "problem");
  });

  it("does not begin where hosts do not let members record, not even when they decide it meanwhile", async () => {
    const forbidden = world();
    forbidden.allowed.value = false;
    await forbidden.model.toggle();
    const meanwhile = world({
      open: () => {
        meanwhile.allowed.value = false;
        return Promise.resolve({ store: meanwhile.store, inMemory: false });
      },
    });
    await meanwhile.model.toggle();
    for (const { model, steps, announce } of [forbidden, meanwhile]) {
      expect(model.state.value).toBe("off");
      expect(steps).toEqual([]);
      expect(announce).toHaveBeenCalledWith(text.recording.notAllowed, "problem");
    }
  });

  it("is ended and saved when hosts stop letting members record", async () => {
    const { model, allowed, announce, steps } = world();
    await model.toggle();
    allowed.value = false;
    await vi.waitFor(() => expect(model.state.value).toBe("off"));
    expect(steps).toEqual(["tell", "record", "people 0", "stop", "untell"]);
    expect(announce).toHaveBeenCalledWith(text.recording.ended);
  });

  it("has the day and time in its name", () => {
    expect(fileName(new Date(2026, 0, 5, 9, 7))).toBe("conclave-2026-01-05-0907");
  });
});
