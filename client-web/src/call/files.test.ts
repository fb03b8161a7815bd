import { afterEach, describe, expect, it, vi } from "vitest";
import { randomBase64Url } from "../base/bytes.ts";
import { type FilesView, SharedFiles } from "./files.ts";
import type { FileOffer } from "./message-parts.ts";

const CHUNK = 262_144;

/** Shared files with their surroundings: a server in memory that a test can stop, and what was told to the others. */
class World {
  readonly chunks = new Map<string, ArrayBuffer>();
  readonly told: FileOffer[] = [];
  readonly deleted: string[] = [];
  readonly begun: unknown[] = [];
  view: FilesView = { uploads: [], fetched: new Map() };
  lifetime: number | undefined;
  /** While it is there, chunks wait for it. */
  gate: Promise<void> | undefined;
  readonly files = new SharedFiles({
    server: { url: "https://meet.example/files", token: () => "token" },
    offer: (offer) => {
      this.told.push(offer);
      return `entry ${this.told.length}`;
    },
    ending: () => ({ lifetime: this.lifetime }),
    changed: (view) => {
      this.view = view;
    },
  });

  constructor() {
    vi.stubGlobal("fetch", (url: string, init: RequestInit) => this.#answer(new URL(url).pathname, init));
  }

  async #answer(path: string, { method, body, signal }: RequestInit): Promise<Response> {
    if (method === "DELETE") {
      this.deleted.push(path.split("/")[2] ?? "");
      return new Response(null, { status: 204 });
    }
    if (method === "POST") {
      this.begun.push(JSON.parse(String(body)));
      return Response.json({ file: randomBase64Url(16), chunk_bytes: CHUNK }, { status: 201 });
    }
    await this.gate;
    signal?.throwIfAborted();
    if (method === "PUT") {
      this.chunks.set(path, body as ArrayBuffer);
      return new Response(null, { status: 204 });
    }
    const chunk = this.chunks.get(path);
    return chunk === undefined ? Response.json({ code: "not_found" }, { status: 404 }) : new Response(chunk);
  }

  /** Waits until no file is on its way any more. */
  async sent(count: number): Promise<void> {
    await vi.waitFor(() => expect([this.told.length, this.view.uploads.length]).toEqual([count, 0]));
  }
}

function file(name: string, content = "content"): File {
  return new File([content], name, { type: "text/html" });
}

afterEach(() => vi.unstubAllGlobals());

describe("shared files", () => {
  it("are told to the others when all of them is with the server, under a harmless name and for as long as messages stay", async () => {
    const world = new World();
    world.lifetime = 300;
    world.files.share(file("../plan.html"));
    expect(world.view.uploads).toMatchObject([{ name: "plan.html", bytes: 7, sent: 0 }]);
    await world.sent(1);
    expect(world.told).toMatchObject([{ name: "plan.html", mime: "text/html", bytes: 7 }]);
    expect(world.begun).toEqual([{ bytes: 7, lifetime_s: 300 }]);
    expect(world.view.fetched.get("entry 1")?.state).toBe("here");
  });

  it("come out as bytes of no type that a browser would open", async () => {
    const world = new World();
    world.files.share(file("a.html", "<script>alert(1)</script>"));
    await world.sent(1);
    const [offer] = world.told;
    await world.files.fetch("theirs", offer as FileOffer);
    const fetched = world.view.fetched.get("theirs");
    expect(fetched?.state === "here" && fetched.blob.type).toBe("application/octet-stream");
    expect(fetched?.state === "here" && (await fetched.blob.text())).toBe("<script>alert(1)</script>");
    world.files.letGo("theirs");
    expect(world.view.fetched.get("theirs")).toEqual({ state: "saved" });
  });

  it("are sent two at a time, and no more than ten wait", async () => {
    const world = new World();
    let open = () => undefined as undefined;
    world.gate = new Promise((resolve) => {
      open = () => void resolve() as undefined;
    });
    const taken = Array.from({ length: 12 }, (_, number) => world.files.share(file(`${number}`)));
    expect(taken.filter((each) => each)).toHaveLength(10);
    await vi.waitFor(() => expect(world.begun).toHaveLength(2));
    world.files.cancelUpload(world.view.uploads[9]?.id ?? "");
    open();
    await world.sent(9);
    expect(world.told.map(({ name }) => name)).not.toContain("9");
  });

  it("that are cancelled on their way are not told to anybody, and the server forgets them", async () => {
    const world = new World();
    let open = () => undefined as undefined;
    world.gate = new Promise((resolve) => {
      open = () => void resolve() as undefined;
    });
    world.files.share(file("a"));
    await vi.waitFor(() => expect(world.begun).toHaveLength(1));
    world.files.cancelUpload(world.view.uploads[0]?.id ?? "");
    open();
    await vi.waitFor(() => expect(world.deleted).toHaveLength(1));
    expect([world.told, world.view.uploads]).toEqual([[], []]);
  });

  it("go with their messages: from here, and own ones from the server", async () => {
    const world = new World();
    world.files.share(file("a"));
    world.files.share(file("b"));
    await world.sent(2);
    world.files.keepOnly(new Set(["entry 2"]));
    await vi.waitFor(() => expect(world.deleted).toEqual([world.told[0]?.file]));
    expect([...world.view.fetched.keys()]).toEqual(["entry 2"]);
  });

  it("that are gone from the server say so", async () => {
    const world = new World();
    const offer = { name: "a", mime: "a/b", bytes: 5, file: randomBase64Url(16), key: randomBase64Url(32) };
    await world.files.fetch("theirs", offer);
    expect(world.view.fetched.get("theirs")).toEqual({ state: "failed", problem: "gone" });
  });

  it("stop with the call, but what was sent stays for the others", async () => {
    const world = new World();
    world.files.share(file("a"));
    await world.sent(1);
    world.gate = new Promise(() => undefined);
    world.files.share(file("b"));
    await vi.waitFor(() => expect(world.begun).toHaveLength(2));
    world.files.close();
    world.files.keepOnly(new Set());
    expect(world.view).toEqual({ uploads: [], fetched: new Map() });
    expect(world.deleted).not.toContain(world.told[0]?.file);
  });
});
