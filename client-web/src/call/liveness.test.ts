import { describe, expect, it } from "vitest";
import { encodeProof, Liveness, paceOf, readProof } from "./liveness.ts";

const START = 1_700_000_000_000;
const PACE = paceOf(2);

function withBo(): Liveness {
  const liveness = new Liveness();
  liveness.setMembers(new Set(["bo"]), START);
  return liveness;
}

describe("proofs", () => {
  it("are read as they were written", () => {
    const proof = { epoch: 7, at: START };
    expect(readProof(JSON.parse(encodeProof(proof)))).toEqual(proof);
  });

  it.each([
    {},
    { epoch: 1 },
    { epoch: -1, at: 1 },
    { epoch: 1.5, at: 1 },
    { epoch: "1", at: 1 },
    { epoch: 1, at: 1e300 },
  ])("are none with fields like %j", (fields) => {
    expect(readProof(fields)).toBeUndefined();
  });

  it("come more seldom in large groups", () => {
    expect(paceOf(2)).toBe(30_000);
    expect(paceOf(1_000)).toBe(1_000_000);
  });
});

describe("silence", () => {
  it("is told after three proofs that did not come, and no more once one does", () => {
    const liveness = withBo();
    expect(liveness.silent(START + 3 * PACE)).toEqual(new Set());
    expect(liveness.silent(START + 3 * PACE + 1)).toEqual(new Set(["bo"]));
    const late = START + 4 * PACE;
    liveness.handle("bo", { epoch: 1, at: late }, 1, late);
    expect(liveness.silent(late + 3 * PACE)).toEqual(new Set());
  });

  it("is not broken by somebody who has older keys than the group", () => {
    const liveness = withBo();
    const later = START + 3 * PACE;
    liveness.handle("bo", { epoch: 4, at: later }, 6, later);
    expect(liveness.silent(later + 1)).toEqual(new Set(["bo"]));
    // One epoch behind may be a commit on its way.
    liveness.handle("bo", { epoch: 5, at: later }, 6, later);
    expect(liveness.silent(later + 1)).toEqual(new Set());
  });

  it("is not broken by old proofs that the server held back, whatever their clock says", () => {
    const liveness = withBo();
    const slowClock = 500_000;
    liveness.handle("bo", { epoch: 1, at: START - slowClock }, 1, START);
    for (let said = 1; said <= 3; said += 1) {
      const at = START + said * 1_000 - slowClock;
      liveness.handle("bo", { epoch: 1, at }, 1, START + said * 2 * PACE);
    }
    expect(liveness.silent(START + 3 * PACE + 3_001)).toEqual(new Set(["bo"]));
  });

  it("of everybody is one's own: who was away begins anew", () => {
    const liveness = withBo();
    const back = START + 100 * PACE;
    liveness.restart(back);
    expect(liveness.silent(back + PACE)).toEqual(new Set());
  });

  it("is nothing of those who left, or were never there", () => {
    const liveness = withBo();
    liveness.setMembers(new Set(), START);
    liveness.handle("bo", { epoch: 1, at: START }, 1, START);
    expect(liveness.silent(START + 100 * PACE)).toEqual(new Set());
  });
});
