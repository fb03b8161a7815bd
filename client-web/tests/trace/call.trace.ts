// A call of many people in one browser, traced: when its page is painted, and what keeps its main thread from the person.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";

import { launchChromium, Person } from "../browser/person.ts";
import { Server, until } from "../browser/server.ts";
import { mainThreadTasks, type Task } from "./tasks.ts";

/** Everybody on the screen, the traced browser among them. */
const PEOPLE = Number(process.env["TRACE_PEOPLE"] ?? 16);
/** A screen that shows them all on one page. */
const SCREEN = PEOPLE > 16 ? { width: 1920, height: 1080 } : { width: 1280, height: 720 };
/** How long the full call is traced. */
const SECONDS = Number(process.env["TRACE_SECONDS"] ?? 30);
/** A person notices when input waits longer. */
const LONG_MS = 50;

const BOTS = path.resolve(import.meta.dirname, "../../../target/release/conclave-loadtest");
const RESULTS = path.resolve(import.meta.dirname, "../../test-results");
const CATEGORIES = ["toplevel", "devtools.timeline", "disabled-by-default-devtools.timeline", "blink.user_timing"];

function say(figure: string, value: number | string | null, unit: string, more: object = {}): void {
  process.stdout.write(`${JSON.stringify({ figure, value, unit, people: PEOPLE, ...more })}\n`);
}

const round = (milliseconds: number) => Math.round(milliseconds * 10) / 10;

function judge(phase: string, tasks: readonly Task[]): void {
  const long = tasks.filter(({ wallMs }) => wallMs > LONG_MS);
  const busy = tasks.reduce((sum, { cpuMs }) => sum + cpuMs, 0);
  say("longest_task_ms", round(Math.max(0, ...tasks.map(({ wallMs }) => wallMs))), "ms", { phase });
  say("longest_task_cpu_ms", round(Math.max(0, ...tasks.map(({ cpuMs }) => cpuMs))), "ms", { phase });
  say("long_tasks", long.length, `over ${LONG_MS} ms`, { phase });
  say("long_tasks_cpu", tasks.filter(({ cpuMs }) => cpuMs > LONG_MS).length, `over ${LONG_MS} ms`, { phase });
  say("main_thread_cpu_ms", round(busy), "ms", { phase });
  for (const { wallMs, cpuMs, parts } of [...long].sort((a, b) => b.wallMs - a.wallMs).slice(0, 5)) {
    say("long_task", round(wallMs), "ms", { phase, cpu_ms: round(cpuMs), parts });
  }
}

test(`a call of ${PEOPLE}`, async () => {
  const server = await Server.start();
  const browser = await launchChromium();
  let bots: ChildProcess | undefined;
  try {
    const ada = await Person.open(browser, "Ada", SCREEN);
    await ada.page.goto(server.url);
    await ada.button("New meeting").click();
    await ada.page.getByRole("textbox", { name: "Your name" }).waitFor();
    const link = ada.page.url();
    // Once more from nothing: what somebody sees who opens an invitation.
    await ada.page.goto("about:blank");
    await ada.page.goto(link);
    await ada.page.getByRole("textbox", { name: "Your name" }).waitFor();
    const paints = await ada.page.evaluate(() =>
      performance.getEntriesByType("paint").map(({ name, startTime }) => ({ name, startTime })),
    );
    for (const { name, startTime } of paints) {
      say(name.replaceAll("-", "_"), round(startTime), "ms");
    }

    await browser.startTracing(ada.page, { categories: CATEGORIES });
    await ada.page.evaluate(() => performance.mark("begin"));
    await ada.enter();
    const words = ["run", "steady", "--url", server.url, "--room", link, "--light", String(PEOPLE - 1)];
    bots = spawn(BOTS, [...words, "--duration", `${SECONDS + 60}s`], { stdio: "ignore" });
    let tiles = 0;
    const everybody = async () => {
      tiles = await ada.page.locator("[role=group][data-crypto]").count();
      return tiles === PEOPLE;
    };
    await until(`${PEOPLE} people are on the screen`, everybody, 120_000).catch((error) => {
      throw new Error(`${error.message}; there are ${tiles}`);
    });
    const shown = await ada.decodes(PEOPLE - 1);
    say("all_pictures_after_ms", round(shown), "ms");
    await ada.page.evaluate(() => performance.mark("full"));
    const rate = await ada.page.evaluate(
      (seconds) =>
        new Promise<number>((resolve) => {
          const begin = performance.now();
          let frames = 0;
          const count = () => {
            frames += 1;
            const passed = performance.now() - begin;
            if (passed < seconds * 1_000) requestAnimationFrame(count);
            else resolve((frames * 1_000) / passed);
          };
          requestAnimationFrame(count);
        }),
      SECONDS,
    );
    say("animation_frames_per_second", round(rate), "1/s");
    const buffer = await browser.stopTracing();
    mkdirSync(RESULTS, { recursive: true });
    const file = path.join(RESULTS, `trace-${PEOPLE}.json`);
    writeFileSync(file, buffer);
    const trace = JSON.parse(buffer.toString());
    const marks = trace.traceEvents.filter(({ cat }: { cat?: string }) => cat?.includes("blink.user_timing"));
    const full = marks.findLast(({ name }: { name: string }) => name === "full").ts / 1_000;
    const tasks = mainThreadTasks(trace);
    expect(tasks.length).toBeGreaterThan(100);
    judge(
      "joining",
      tasks.filter(({ atMs }) => atMs < full),
    );
    judge(
      "call",
      tasks.filter(({ atMs }) => atMs >= full),
    );
    say("trace", path.relative(process.cwd(), file), "file");
    expect(ada.errors).toEqual([]);
  } finally {
    if (bots?.exitCode === null) {
      const gone = once(bots, "exit");
      bots.kill("SIGKILL");
      await gone;
    }
    await browser.close();
    await server.stop();
  }
});
