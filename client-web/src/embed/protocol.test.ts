// What page and frame say to each other: addresses without secrets in the query, and nothing taken that is not a command.
import { describe, expect, it } from "vitest";
import { frameAddress, PROTOCOL, readFrameAddress, readToFrame } from "./protocol.ts";

const SERVER = new URL("https://meet.example");
const LINK = "https://meet.example/r/AAAA#SECRET.HOST.lp";

describe("the frame's address", () => {
  it("carries everything behind the # and gives it back", () => {
    const settings = {
      origins: ["https://app.example", "http://localhost:3000"],
      begin: { link: LINK, name: "Ada & Bob = #1", passcode: "a+b c", muted: true, cameraOff: false },
    };
    const address = new URL(frameAddress(SERVER, settings));
    expect(address.search).toBe("");
    expect(address.pathname).toBe("/embed");
    expect(readFrameAddress(address.hash)).toEqual(settings);
  });

  it.each(["*", "null", "app.example", "https://app.example/", "https://app.example/path", "https://APP.example", ""])(
    "names %j as no page that may steer the frame",
    (origin) => {
      expect(readFrameAddress(`#origin=${encodeURIComponent(origin)}`).origins).toEqual([]);
    },
  );
});

describe("a message to the frame", () => {
  const read = (command: unknown) => readToFrame({ conclave: PROTOCOL, id: 1, command });

  it.each([
    { type: "open" },
    { type: "join", link: LINK, name: "Ada", passcode: "p", muted: true, cameraOff: false },
    { type: "leave" },
    { type: "mute", source: "camera", muted: false },
    { type: "share", on: true },
    { type: "pin", participant: "id" },
    { type: "pin", participant: null },
  ])("is taken as it is: %j", (command) => {
    expect(read(command)).toEqual({ id: 1, command });
  });

  it("loses what does not belong to it", () => {
    expect(read({ type: "leave", link: LINK })).toEqual({ id: 1, command: { type: "leave" } });
  });

  it.each([
    { type: "join", name: 7 },
    { type: "join", muted: "yes" },
    { type: "mute", source: "screen", muted: true },
    { type: "mute", source: "camera" },
    { type: "share", on: 1 },
    { type: "pin" },
    { type: "burn" },
    {},
    "leave",
    null,
    undefined,
  ])("is answered and not done: %j", (command) => {
    expect(read(command)).toEqual({ id: 1, command: null });
  });

  it.each([
    undefined,
    null,
    "x",
    7,
    {},
    { conclave: 2, id: 1 },
    { conclave: PROTOCOL },
    { conclave: PROTOCOL, id: "1" },
  ])("is somebody else's: %j", (data) => {
    expect(readToFrame(data)).toBeUndefined();
  });
});
