// Unpadded base64url (RFC 4648 section 5), and random bytes of it.

const TEXT = /^[A-Za-z0-9_-]*$/;

/** The unpadded base64url text of `bytes`. */
export function encodeBase64Url(bytes: Uint8Array): string {
  let binary = "";
  for (const byte of bytes) {
    binary += String.fromCharCode(byte);
  }
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** The bytes of an unpadded base64url text in its one canonical form; `undefined` for anything else. */
export function decodeBase64Url(text: string): Uint8Array | undefined {
  if (!TEXT.test(text) || text.length % 4 === 1) {
    return undefined;
  }
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  return encodeBase64Url(bytes) === text ? bytes : undefined;
}

/** `length` random bytes as base64url. */
export function randomBase64Url(length: number): string {
  return encodeBase64Url(crypto.getRandomValues(new Uint8Array(length)));
}
