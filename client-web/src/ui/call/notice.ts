// What the call says to the person in one line.

/** A short message on the screen. */
export interface Notice {
  readonly message: string;
  readonly tone: "info" | "problem";
  readonly number: number;
}
