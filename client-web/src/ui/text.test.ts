import { describe, expect, it } from "vitest";
import { describeSuite } from "./suites.ts";
import { text } from "./text.ts";

describe("text", () => {
  it("keeps the accessible names that tests and scripts rely on", () => {
    expect(text.prejoin.nameLabel).toBe("Your name");
    expect(text.landing.newMeeting).toBe("New meeting");
    expect(text.prejoin.join).toBe("Join");
    const { mute, unmute, cameraOff, cameraOn, copyLink, participants, security, leave } = text.controls;
    expect([mute, unmute, cameraOff, cameraOn, copyLink, participants, security, leave]).toEqual([
      "Mute microphone",
      "Unmute microphone",
      "Turn off camera",
      "Turn on camera",
      "Copy link",
      "Participants",
      "Security",
      "Leave",
    ]);
    expect(text.participants.remove("Ana")).toBe("Remove Ana");
  });

  it("names a device problem for one device and for both", () => {
    expect(text.device.title("camera", "denied")).toBe("The camera is blocked");
    expect(text.device.title("both", "denied")).toBe("Camera and microphone are blocked");
    expect(text.device.help("both", "busy")).toContain("camera and microphone");
  });

  it("counts one and many", () => {
    expect(text.call.notSecure(1)).toBe("1 person not secured");
    expect(text.call.notSecure(2)).toBe("2 people not secured");
    expect(text.security.holdersValue(1)).toBe("1 device, yours");
  });

  it("adds the reason to a crypto state only where there is one", () => {
    expect(text.crypto.spoken("secure", "")).toBe("Encrypted");
    expect(text.crypto.spoken("failed", "No key.")).toBe("Not secure: No key.");
    expect(text.crypto.spoken("waiting", "No frame yet.")).toBe("Securing: No frame yet.");
  });
});

describe("describeSuite", () => {
  it("marks the post-quantum suite, however it is named", () => {
    for (const name of ["post_quantum", "0x004F", "79", "MLS_128_XWING_AES128GCM_SHA256_Ed25519"]) {
      expect(describeSuite(name).postQuantum).toBe(true);
    }
  });

  it("does not mark the classic suite or one it does not know", () => {
    for (const name of ["classic", "0x0001", "1", "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519", "0x0002"]) {
      expect(describeSuite(name).postQuantum).toBe(false);
    }
    expect(describeSuite("0x0002").name).toBe("0x0002");
  });
});
