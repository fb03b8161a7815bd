import { describe, expect, it } from "vitest";
import { AnswerError, answerForBrowser, negotiatedCodecs, offerForServer, onlyCandidates } from "./sdp.ts";

const answer = [
  "v=0",
  "o=- 1 1 IN IP4 0.0.0.0",
  "m=audio 9 UDP/TLS/RTP/SAVPF 111",
  "a=mid:0",
  "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
  "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
  "a=rtpmap:111 opus/48000/2",
  "a=fmtp:111 minptime=10;usedtx=1",
  "m=video 9 UDP/TLS/RTP/SAVPF 98 99",
  "a=mid:1",
  "a=rtpmap:98 VP9/90000",
  "a=fmtp:98 profile-id=0",
  "a=rtpmap:99 rtx/90000",
  "a=fmtp:99 apt=98",
  "m=video 0 UDP/TLS/RTP/SAVPF 0",
  "a=mid:2",
  "a=inactive",
  "",
].join("\r\n");

describe("an answer", () => {
  it("makes Opus constant, gapless and repairable, whatever the server wrote", () => {
    expect(answerForBrowser(answer)).toContain("a=fmtp:111 minptime=10;usedtx=0;cbr=1;useinbandfec=1\r\n");
    const bare = answer.replace("a=fmtp:111 minptime=10;usedtx=1\r\n", "");
    expect(answerForBrowser(bare)).toContain(
      "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 cbr=1;usedtx=0;useinbandfec=1\r\n",
    );
  });

  it("leaves the parameters of video alone", () => {
    expect(answerForBrowser(answer)).toContain("a=fmtp:98 profile-id=0\r\n");
    expect(answerForBrowser(answer)).toContain("a=fmtp:99 apt=98\r\n");
  });

  it("cannot turn the audio level on", () => {
    expect(answerForBrowser(answer)).not.toContain("audio-level");
    expect(answerForBrowser(answer)).toContain("sdes:mid");
  });

  it("names the codec of each section", () => {
    expect([...negotiatedCodecs(answer)]).toEqual([
      ["0", "opus"],
      ["1", "vp9"],
    ]);
  });

  it.each(["H264/90000", "AV1/90000", "red/48000/2", "telephone-event/8000", "CN/8000"])(
    "is refused with the codec %s",
    (codec) => {
      expect(() => answerForBrowser(`${answer}a=rtpmap:120 ${codec}\r\n`)).toThrow(AnswerError);
    },
  );
});

describe("the ways in an answer", () => {
  const udp = "a=candidate:1 1 udp 2130706431 192.0.2.1 3478 typ host";
  const tcp = "a=candidate:2 1 TCP 1518280447 2001:db8::1 443 typ host tcptype passive";

  it("are narrowed to one protocol, and everything else stays", () => {
    const both = `${answer}${udp}\r\n${tcp}\r\n`;
    expect(onlyCandidates(both, "udp")).toBe(`${answer}${udp}\r\n`);
    expect(onlyCandidates(both, "tcp")).toBe(`${answer}${tcp}\r\n`);
  });

  it("are none where the server does not offer that protocol", () => {
    expect(onlyCandidates(`${answer}${udp}\r\n`, "tcp")).toBeUndefined();
  });
});

describe("an offer", () => {
  it("lets the server ask for lost sound, once", () => {
    const asked = "a=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 nack\r\n";
    expect(offerForServer(answer)).toContain(asked);
    expect(offerForServer(offerForServer(answer))).toBe(offerForServer(answer));
    expect(offerForServer(answer)).not.toContain("a=rtcp-fb:98");
  });

  it("does not offer the audio level to the server", () => {
    expect(offerForServer(answer)).not.toContain("audio-level");
  });
});
