// Typed events without a framework.

/** Handlers by event name; a handler that throws does not keep the others from running. */
export class Emitter<Events extends Record<string, unknown>> {
  readonly #handlers = new Map<keyof Events, Set<(value: never) => void>>();

  /** Calls `handler` on every `event` until the returned function is called. */
  on<Name extends keyof Events>(event: Name, handler: (value: Events[Name]) => void): () => void {
    const handlers = this.#handlers.get(event) ?? new Set();
    handlers.add(handler);
    this.#handlers.set(event, handlers);
    return () => {
      handlers.delete(handler);
    };
  }

  emit<Name extends keyof Events>(event: Name, value: Events[Name]): void {
    for (const handler of [...(this.#handlers.get(event) ?? [])]) {
      try {
        (handler as (value: Events[Name]) => void)(value);
      } catch (error) {
        console.error(`handler of "${String(event)}" failed`, error);
      }
    }
  }
}
