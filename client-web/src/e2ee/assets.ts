// Where the worker and the wasm core are: beside the script, unless the page says otherwise.
import wasmUrl from "./wasm/conclave_web_bg.wasm?url";
import workerUrl from "./worker.ts?worker&url";

/** Addresses of the files that the client loads when a call begins. */
export interface Assets {
  /** The crypto worker, an ES module; of the page's own origin, as browsers want it. */
  readonly worker: string | URL;
  /** The wasm core. */
  readonly wasm: string | URL;
}

/** Name of the only trusted-types policy: a server's CSP allows it with `trusted-types conclave`. */
const POLICY = "conclave";

interface TrustedTypes {
  createPolicy(
    name: string,
    rules: { createScriptURL(url: string): string },
  ): { createScriptURL(url: string): string | URL };
}

let assets: Assets = { worker: workerUrl, wasm: wasmUrl };
let policy: ReturnType<TrustedTypes["createPolicy"]> | undefined;

/** For pages whose bundler moves the files: says where they are, before the first call. */
export function setAssets(moved: Assets): void {
  assets = moved;
}

/** The core's address, whole: the worker that loads it may lie elsewhere. */
export function wasmAddress(): string {
  return new URL(assets.wasm, globalThis.location.href).href;
}

/** The worker's address in the form that `require-trusted-types-for 'script'` asks for. */
export function trustedWorkerUrl(): string | URL {
  const trustedTypes = (globalThis as { trustedTypes?: TrustedTypes }).trustedTypes;
  const address = String(assets.worker);
  // The policy answers with what the page was told, never with what it is asked.
  policy ??= trustedTypes?.createPolicy(POLICY, { createScriptURL: () => String(assets.worker) });
  return policy?.createScriptURL(address) ?? address;
}
