// The people whose safety number was compared, as this browser remembers them: names and keys, nothing about meetings.

/** Somebody whose number was compared. */
export interface VerifiedMark {
  /** Their long-term key, base64url. */
  readonly key: string;
  /** What they were called then. */
  readonly name: string;
}

const MARKS = "conclave.verified";
/** The oldest are forgotten when there are more. */
const MOST_MARKS = 500;

/** The marks that were kept; none where the browser keeps nothing. */
export function recallMarks(): readonly VerifiedMark[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(MARKS) ?? "[]");
    return Array.isArray(kept) ? kept.filter(isMark) : [];
  } catch {
    return [];
  }
}

/** Keeps these marks; false where the browser keeps nothing. */
export function rememberMarks(marks: readonly VerifiedMark[]): boolean {
  try {
    localStorage.setItem(MARKS, JSON.stringify(marks.slice(-MOST_MARKS)));
    return true;
  } catch {
    return false;
  }
}

function isMark(value: unknown): value is VerifiedMark {
  return (
    typeof value === "object" &&
    value !== null &&
    "key" in value &&
    typeof value.key === "string" &&
    "name" in value &&
    typeof value.name === "string"
  );
}
