// The security log: every commit, so every change of the keys and of who has them, for people to read.
import type { MemberChange } from "../e2ee/messages.ts";

/** One line of the log. Lines are only ever added. */
export interface ChangeLogEntry {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly kind: "joined" | "left" | "keys" | "lost" | "recovered";
  /** Who came or went; `undefined` where that is nobody or not known. */
  readonly name?: string | undefined;
  /** Who committed the change. */
  readonly by?: string | undefined;
  /** They came by themselves, with the link's key (an external commit). */
  readonly external?: boolean;
  readonly epoch?: number | undefined;
}

/** The lines of one commit. `nameOf` knows the members of the epoch before or after it. */
export function entriesOf(
  change: MemberChange,
  at: number,
  nameOf: (clientId: string | null) => string | undefined,
): readonly ChangeLogEntry[] {
  const { epoch } = change;
  const by = nameOf(change.committer);
  const line = (kind: "joined" | "left", who: MemberChange["joined"][number]): ChangeLogEntry => ({
    at,
    kind,
    name: who.display_name ?? nameOf(who.client_id),
    by: who.client_id === change.committer ? undefined : by,
    external: kind === "joined" && change.external,
    epoch,
  });
  if (change.joined.length === 0 && change.left.length === 0) {
    return [{ at, kind: "keys", by, epoch }];
  }
  // Somebody who comes back takes the place of their own old leaf.
  return [...change.left.map((who) => line("left", who)), ...change.joined.map((who) => line("joined", who))];
}
