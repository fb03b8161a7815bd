// Reads a browser's trace: how long the page's main thread was busy without a pause, and with what.

/** One event of a trace, as Chromium writes it; times in microseconds. */
interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly dur?: number;
  readonly tdur?: number;
  readonly args?: {
    readonly name?: string;
    readonly data?: { readonly functionName?: string; readonly type?: string };
  };
}

/** A stretch in which the main thread did nothing else. */
export interface Task {
  /** When it began, on the trace's clock. */
  readonly atMs: number;
  readonly wallMs: number;
  /** Of this thread's processor time: what of it other processes did not take. */
  readonly cpuMs: number;
  /** The longest parts of it, largest first. */
  readonly parts: readonly string[];
}

const TASK = "RunTask";
/** Shorter parts explain nothing. */
const PART_US = 5_000;

/** The tasks of the page's main thread, in order. */
export function mainThreadTasks(trace: { readonly traceEvents: readonly TraceEvent[] }): readonly Task[] {
  const { traceEvents: events } = trace;
  const key = ({ pid, tid }: TraceEvent) => `${pid}/${tid}`;
  const counts = new Map<string, number>();
  for (const event of events) {
    if (event.ph === "M" && event.name === "thread_name" && event.args?.name === "CrRendererMain") {
      counts.set(key(event), 0);
    }
  }
  for (const event of events) {
    const count = counts.get(key(event));
    if (count !== undefined && event.name === TASK) {
      counts.set(key(event), count + 1);
    }
  }
  // Other tabs and spare processes do next to nothing.
  const [main] = [...counts].sort(([, a], [, b]) => b - a)[0] ?? [];
  const own = events.filter((event) => event.ph === "X" && key(event) === main).sort((a, b) => a.ts - b.ts);
  return own
    .filter(({ name }) => name === TASK)
    .map((task) => ({
      atMs: task.ts / 1_000,
      wallMs: (task.dur ?? 0) / 1_000,
      cpuMs: (task.tdur ?? 0) / 1_000,
      parts: (task.dur ?? 0) < PART_US ? [] : partsOf(task, own),
    }));
}

function partsOf(task: TraceEvent, events: readonly TraceEvent[]): readonly string[] {
  const end = task.ts + (task.dur ?? 0);
  return events
    .filter((event) => event !== task && event.ts >= task.ts && event.ts + (event.dur ?? 0) <= end)
    .filter(({ dur = 0 }) => dur >= PART_US)
    .sort((a, b) => (b.dur ?? 0) - (a.dur ?? 0))
    .slice(0, 8)
    .map(({ name, dur = 0, args }) => {
      const detail = args?.data?.functionName || args?.data?.type;
      return `${name}${detail ? ` ${detail}` : ""} ${(dur / 1_000).toFixed(0)}`;
    });
}
