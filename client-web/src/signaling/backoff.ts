// How long to wait before the next connection attempt, and how long to give it.

const FIRST_DELAY_MS = 250;
const LARGEST_DELAY_MS = 1_000;
const JITTER = 0.25;
const LARGEST_DEFERRAL_MS = 60_000;
/** People turned away together come back spread over half the time more. */
const DEFERRAL_JITTER = 0.5;
const FIRST_PATIENCE_MS = 2_000;
const LARGEST_PATIENCE_MS = 8_000;

/** Milliseconds before attempt number `attempt` (from 0); `random` is in [0, 1). */
export function delayBefore(attempt: number, random: number): number {
  if (attempt === 0) {
    return 0;
  }
  const base = Math.min(FIRST_DELAY_MS * 2 ** (attempt - 1), LARGEST_DELAY_MS);
  return base * (1 - JITTER + 2 * JITTER * random);
}

/**
 * Milliseconds before asking a server again that turned newcomers away `refusals` times in a row, the last time asking
 * for `retryAfterMs`; `random` is in [0, 1).
 */
export function delayAfterOverload(refusals: number, retryAfterMs: number, random: number): number {
  const base = Math.min(retryAfterMs * 2 ** (refusals - 1), LARGEST_DEFERRAL_MS);
  return base * (1 + DEFERRAL_JITTER * random);
}

/**
 * Milliseconds that attempt number `attempt` may take. Short at first, so that an attempt begun while the network was
 * down does not delay the next one; longer later, for a network that is just slow.
 */
export function patience(attempt: number): number {
  return Math.min(FIRST_PATIENCE_MS * (1 + Math.floor(attempt / 4)), LARGEST_PATIENCE_MS);
}
