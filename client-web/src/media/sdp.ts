// The few lines of a session description that must not be left to chance.
import type { Codec } from "../wire/types.ts";
import { CODEC_NAMES } from "./sections.ts";

/** An answer that would take frames out of the encryption. */
export class AnswerError extends Error {
  override readonly name = "AnswerError";
}

/** The server must not learn who speaks. */
const AUDIO_LEVEL = /^a=extmap:\d+(\/\w+)? urn:ietf:params:rtp-hdrext:(ssrc|csrc)-audio-level/;
/** Constant bit rate without pauses: the size and rhythm of packets tell nothing about the words in them. */
const OPUS = { cbr: "1", usedtx: "0", useinbandfec: "1" };

/** An offer as the server gets it. */
export function offerForServer(sdp: string): string {
  return withOpusRepeats(mapLines(sdp, (line) => (AUDIO_LEVEL.test(line) ? undefined : line)));
}

/** An answer as the browser gets it: what the client insists on holds whatever the server wrote. */
export function answerForBrowser(sdp: string): string {
  refuseForeignCodecs(sdp);
  return withOpusParameters(mapLines(sdp, (line) => (AUDIO_LEVEL.test(line) ? undefined : line)));
}

/** The codec of each section of an answer by mid; sections without one are left out. */
export function negotiatedCodecs(sdp: string): Map<string, Codec> {
  const codecs = new Map<string, Codec>();
  for (const section of sections(sdp)) {
    const mid = attribute(section, "a=mid:");
    const payloadType = section[0]?.split(" ")[3];
    const name = attribute(section, `a=rtpmap:${payloadType} `)?.split("/")[0]?.toLowerCase();
    const codec = name === undefined ? undefined : CODEC_NAMES.get(name);
    if (mid !== undefined && codec !== undefined) {
      codecs.set(mid, codec);
    }
  }
  return codecs;
}

/** What carries media. */
export type PathProtocol = "udp" | "tcp";

/** An answer with the candidates of one protocol alone (RFC 8839 section 5.1); `undefined` when it has none. */
export function onlyCandidates(sdp: string, protocol: PathProtocol): string | undefined {
  let kept = 0;
  const narrowed = mapLines(sdp, (line) => {
    const [, transport] = /^a=candidate:\S+ \d+ (\S+) /.exec(line) ?? [];
    const isOther = transport !== undefined && transport.toLowerCase() !== protocol;
    kept += transport === undefined || isOther ? 0 : 1;
    return isOther ? undefined : line;
  });
  return kept === 0 ? undefined : narrowed;
}

function refuseForeignCodecs(sdp: string): void {
  for (const [, name = ""] of sdp.matchAll(/^a=rtpmap:\d+ ([^/\s]+)/gm)) {
    if (name.toLowerCase() !== "rtx" && !CODEC_NAMES.has(name.toLowerCase())) {
      throw new AnswerError(`the answer has the codec ${name}`);
    }
  }
}

/** Browsers send lost sound again, and ask for it, when an answer says so, but Chromium does not offer to. */
function withOpusRepeats(sdp: string): string {
  return mapLines(sdp, (line) => {
    const [, type = ""] = /^a=rtpmap:(\d+) opus\//i.exec(line) ?? [];
    const repeats = `a=rtcp-fb:${type} nack`;
    return type === "" || sdp.split(/\r?\n/).includes(repeats) ? line : `${line}\r\n${repeats}`;
  });
}

function withOpusParameters(sdp: string): string {
  const types = new Set([...sdp.matchAll(/^a=rtpmap:(\d+) opus\//gim)].map(([, type]) => type));
  const described = new Set([...sdp.matchAll(/^a=fmtp:(\d+) /gm)].map(([, type]) => type));
  return mapLines(sdp, (line) => {
    const [, name, type = "", rest = ""] = /^a=(fmtp|rtpmap):(\d+) (.*)$/.exec(line) ?? [];
    if (!types.has(type)) {
      return line;
    }
    if (name === "fmtp") {
      return `a=fmtp:${type} ${opusParameters(rest)}`;
    }
    return described.has(type) ? line : `${line}\r\na=fmtp:${type} ${opusParameters("")}`;
  });
}

function opusParameters(present: string): string {
  const parameters = new Map(
    present
      .split(";")
      .filter((pair) => pair.trim() !== "")
      .map((pair) => {
        const [key = "", value = ""] = pair.split("=");
        return [key.trim(), value.trim()] as const;
      }),
  );
  for (const [key, value] of Object.entries(OPUS)) {
    parameters.set(key, value);
  }
  return [...parameters].map(([key, value]) => `${key}=${value}`).join(";");
}

function sections(sdp: string): string[][] {
  return sdp
    .split(/^(?=m=)/m)
    .slice(1)
    .map((section) => section.split(/\r?\n/));
}

function attribute(section: readonly string[], prefix: string): string | undefined {
  return section
    .find((line) => line.startsWith(prefix))
    ?.slice(prefix.length)
    .trim();
}

function mapLines(sdp: string, change: (line: string) => string | undefined): string {
  return sdp
    .split(/\r?\n/)
    .map(change)
    .filter((line) => line !== undefined)
    .join("\r\n");
}
