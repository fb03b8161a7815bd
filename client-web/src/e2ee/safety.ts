// The safety number of two people: the same for both, and the same in every call while both keep their keys.
import { decodeBase64Url } from "../base/bytes.ts";

const SALT = new TextEncoder().encode("conclave safety number");
/** As for the call code: 30 digits that take a while to work out, so that nobody searches for two keys that fit. */
const ROUNDS = 131_072;
const GROUPS = 6;
const BYTES_OF_GROUP = 5;

/** The number of two long-term keys (base64url), in any order: six groups of five digits. */
export async function safetyNumber(one: string, other: string): Promise<string> {
  const [first, second] = [one, other].sort().map((key) => decodeBase64Url(key));
  if (first === undefined || second === undefined) {
    throw new TypeError("not a long-term key");
  }
  const keys = new Uint8Array([...first, ...second]);
  const password = await crypto.subtle.importKey("raw", keys, "PBKDF2", false, ["deriveBits"]);
  const pbkdf2 = { name: "PBKDF2", hash: "SHA-512", salt: SALT, iterations: ROUNDS };
  const bits = await crypto.subtle.deriveBits(pbkdf2, password, GROUPS * BYTES_OF_GROUP * 8);
  return formatNumber(new Uint8Array(bits));
}

/** Each five bytes as a number, big endian, modulo 10^5. */
export function formatNumber(bytes: Uint8Array): string {
  const groups: string[] = [];
  for (let start = 0; start < bytes.length; start += BYTES_OF_GROUP) {
    const value = bytes.subarray(start, start + BYTES_OF_GROUP).reduce((sum, byte) => sum * 256 + byte, 0);
    groups.push(String(value % 100_000).padStart(5, "0"));
  }
  return groups.join(" ");
}
