// What most tests begin with: a server and browsers for the tests of one file, and people who are gone after each test.
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll } from "vitest";

import { launchChromium, launchFirefox, Person, type WindowSize } from "./person.ts";
import { MEDIA_ADDRESS, Server } from "./server.ts";

export type Engine = "chromium" | "firefox";

/** The browsers that are there: Firefox sends to no loopback address, and one machine may have no other (see run.sh). */
export const ENGINES: readonly Engine[] = MEDIA_ADDRESS === "127.0.0.1" ? ["chromium"] : ["chromium", "firefox"];

export interface FixtureOptions {
  /** The size of a person's window. Software rendering is what costs most in these tests: as small as it may be. */
  readonly size?: WindowSize;
  /** Of the server's command line. */
  readonly server?: readonly string[];
  /** Of Chromium's command line. */
  readonly chromium?: readonly string[];
}

export class Fixture {
  #server: Server | undefined;
  readonly #browsers = new Map<Engine, Promise<Browser>>();

  constructor(private readonly options: FixtureOptions) {}

  get server(): Server {
    if (this.#server === undefined) throw new Error("the server runs only while tests do");
    return this.#server;
  }

  async start(): Promise<void> {
    this.#server = await Server.start(this.options.server);
  }

  async stop(): Promise<void> {
    for (const browser of this.#browsers.values()) await (await browser).close();
    this.#browsers.clear();
    await this.#server?.stop();
  }

  /** A browser of that make, the same one for everybody. */
  browser(engine: Engine): Promise<Browser> {
    const running = this.#browsers.get(engine);
    if (running !== undefined) return running;
    const browser = engine === "firefox" ? launchFirefox() : launchChromium(this.options.chromium);
    this.#browsers.set(engine, browser);
    return browser;
  }

  /** Somebody with an empty page. */
  async open(name: string, engine: Engine = "chromium", size = this.options.size): Promise<Person> {
    return Person.open(await this.browser(engine), name, size);
  }

  /** Two people in one new meeting, the first of whom has a browser of that make. */
  async meetingOf(engine: Engine): Promise<[ada: Person, bob: Person]> {
    const people: [Person, Person] = [await this.open("Ada", engine), await this.open("Bob")];
    await this.meet(people);
    return people;
  }

  /** People in one new meeting, each of whom sees all of them; the first one made it. */
  async meeting<const Names extends readonly string[]>(...names: Names): Promise<{ [Index in keyof Names]: Person }> {
    const people: Person[] = [];
    for (const name of names) people.push(await this.open(name));
    await this.meet(people);
    return people as { [Index in keyof Names]: Person };
  }

  /** Brings people together in one new meeting; the first one makes it. Returns its link. */
  async meet(people: readonly Person[]): Promise<string> {
    let link: string | undefined;
    for (const person of people) {
      if (link === undefined) link = await person.startMeeting(this.server.url);
      else await person.join(link);
    }
    if (link === undefined) throw new Error("nobody makes the meeting");
    const names = people.map(({ name }) => name);
    for (const person of people) await person.sees(names);
    return link;
  }
}

/** Readies everything before the tests of a file and clears it away after them. */
export function prepare(options: FixtureOptions = {}): Fixture {
  const fixture = new Fixture(options);
  beforeAll(() => fixture.start());
  afterEach(() => Person.closeAll());
  afterAll(() => fixture.stop());
  return fixture;
}
