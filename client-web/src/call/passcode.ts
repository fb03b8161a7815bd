// The secret of a room with a passcode: made of the link's and of what people tell each other beside it.
import { decodeBase64Url, encodeBase64Url } from "../base/bytes.ts";

/** Slow on purpose: whoever has the link alone has to pay it for every guess. */
const ROUNDS = 600_000;
const SECRET_BITS = 256;
const LABEL = "conclave passcode";

/** Fewest characters of a passcode. */
export const SHORTEST_PASSCODE = 4;

/**
 * The room's secret: PBKDF2-HMAC-SHA512 of the passcode (Unicode NFC, without white space around it), salted with the
 * link's secret and the room. Nothing of it goes to the server, and nothing in the link tells whether it is right: the
 * members find that out.
 */
export async function roomSecret(linkSecret: string, room: string, passcode: string): Promise<string> {
  const secret = decodeBase64Url(linkSecret);
  const id = decodeBase64Url(room);
  if (secret === undefined || id === undefined) {
    throw new TypeError("not the secret and the room of a link");
  }
  const label = new TextEncoder().encode(LABEL);
  const salt = new Uint8Array([...label, ...secret, ...id]);
  const words = new TextEncoder().encode(passcode.trim().normalize("NFC"));
  const key = await crypto.subtle.importKey("raw", words, "PBKDF2", false, ["deriveBits"]);
  const bits = await crypto.subtle.deriveBits(
    { name: "PBKDF2", hash: "SHA-512", salt, iterations: ROUNDS },
    key,
    SECRET_BITS,
  );
  return encodeBase64Url(new Uint8Array(bits));
}
