// What a cipher suite is called for people.

/** A cipher suite for the Security panel. */
export interface SuiteInfo {
  readonly name: string;
  readonly postQuantum: boolean;
}

/** Names the suite that the SDK reports: a policy name, an IANA code point or its MLS name. */
export function describeSuite(suite: string): SuiteInfo {
  const plain = suite.toLowerCase();
  if (/post_quantum|0x004f|\b79\b|x-?wing|mlkem/u.test(plain)) {
    return { name: "MLS, X-Wing (X25519 + ML-KEM-768), AES-128-GCM, Ed25519", postQuantum: true };
  }
  if (/classic|0x0001|^1$|x25519/u.test(plain)) {
    return { name: "MLS, X25519, AES-128-GCM, Ed25519", postQuantum: false };
  }
  return { name: suite, postQuantum: false };
}
