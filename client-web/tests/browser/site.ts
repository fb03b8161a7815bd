// Another site than the meeting's: serves the files of a folder on an origin of its own.
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import http from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".wasm": "application/wasm",
};

export class Site {
  private constructor(
    readonly origin: string,
    private readonly server: http.Server,
  ) {}

  /** `pages`: what is served from memory, by path; everything else comes from `folder`. */
  static async start(folder: string, pages: Readonly<Record<string, string>> = {}): Promise<Site> {
    const server = http.createServer((request, response) => {
      const { pathname } = new URL(request.url ?? "/", "http://site");
      const answer = (body: string | Buffer) => {
        response.setHeader("content-type", TYPES[path.extname(pathname)] ?? "text/html; charset=utf-8");
        response.end(body);
      };
      if (pathname === "/favicon.ico") return answer("");
      const page = pages[pathname];
      if (page !== undefined) return answer(page);
      readFile(path.join(folder, path.normalize(pathname))).then(answer, () => {
        response.statusCode = 404;
        response.end();
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new Site(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, server);
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}
