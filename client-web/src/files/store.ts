// The server's side of shared files, over HTTP: begin, put and get chunks, release. Waits where the server says so.

/** Why a file did not go through. */
export type FileProblem = "too_large" | "too_many" | "no_room" | "gone" | "not_readable" | "not_here" | "network";

export class FileError extends Error {
  override readonly name = "FileError";

  constructor(
    readonly problem: FileProblem,
    /** The most bytes that a file may have, where that was the problem. */
    readonly limit?: number,
  ) {
    super(problem);
  }
}

/** Where files are, and what shows that one may have them. */
export interface FileServer {
  /** `.../api/v1/rooms/<room>/files` */
  readonly url: string;
  /** The session's token; `undefined` while there is no session. */
  token(): string | undefined;
}

/** Refusals that do not get better by waiting. */
const PROBLEMS: Readonly<Record<string, FileProblem>> = {
  file_too_large: "too_large",
  too_many_files: "too_many",
  room_storage_full: "no_room",
  storage_full: "no_room",
  not_found: "gone",
};
/** Without a chunk that went through for so long, in milliseconds, a transfer is given up. */
const PATIENCE_MS = 60_000;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8_000;

/** Asks until there is an answer that counts; throws `FileError`, or what `signal` was aborted with. */
export async function ask(
  server: FileServer,
  path: string,
  init: { readonly method: string; readonly body?: BodyInit },
  signal: AbortSignal,
): Promise<Response> {
  const until = Date.now() + PATIENCE_MS;
  for (let wait = FIRST_WAIT_MS; ; wait = Math.min(2 * wait, LONGEST_WAIT_MS)) {
    const { response, retryMs } = await attempt(server, path, init, signal);
    if (response?.ok === true) {
      return response;
    }
    if (Date.now() > until) {
      throw new FileError("network");
    }
    await pause(Math.max(wait, retryMs), signal);
  }
}

/** One try: an answer, or how long to wait at least. Throws where waiting would not help. */
async function attempt(
  server: FileServer,
  path: string,
  init: { readonly method: string; readonly body?: BodyInit },
  signal: AbortSignal,
): Promise<{ readonly response?: Response; readonly retryMs: number }> {
  const token = server.token();
  if (token === undefined) {
    return { retryMs: 0 };
  }
  let response: Response;
  try {
    response = await fetch(`${server.url}${path}`, {
      ...init,
      headers: { authorization: `Bearer ${token}` },
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
      signal,
    });
  } catch {
    signal.throwIfAborted();
    return { retryMs: 0 };
  }
  if (response.ok) {
    return { response, retryMs: 0 };
  }
  const { code, limit } = await problemOf(response);
  const problem = PROBLEMS[code];
  if (problem !== undefined) {
    throw limit === 0 ? new FileError("not_here") : new FileError(problem, limit);
  }
  if (response.status !== 401 && response.status !== 429 && response.status < 500) {
    throw new FileError("gone");
  }
  return { retryMs: 1_000 * (Number(response.headers.get("retry-after")) || 0) };
}

async function problemOf(response: Response): Promise<{ readonly code: string; readonly limit: number | undefined }> {
  try {
    const { code, limit } = (await response.json()) as Record<string, unknown>;
    return { code: String(code), limit: typeof limit === "number" ? limit : undefined };
  } catch {
    return { code: "", limit: undefined };
  }
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    if (signal.aborted) {
      stop();
    }
    signal.addEventListener("abort", stop, { once: true });
  });
}
