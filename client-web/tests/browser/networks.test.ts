// A call over networks as people have them: pictures move and sound arrives, and the freezes and gaps are printed.
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import { HomeNetwork } from "./network.ts";
import { launchChromium, Person } from "./person.ts";
import { type Received, Reception } from "./reception.ts";
import { MEDIA_ADDRESS, Server, until } from "./server.ts";

/** After which a picture does not just come late. */
const STANDSTILL_S = 15;

const SMALL = { width: 640, height: 480 };
/** How much sound each must have received under an impairment, in seconds: the length of the measurement. */
const SOUND_S = 8;
/** How many pictures each must have seen in that time at least. */
const FRAMES = 30;
const DEADLINE_MS = 30_000;

let browser: Browser;
let server: Server;
let home: HomeNetwork;
/** Ada has a good network, Grace sits at home. */
let ada: Person;
let grace: Person;
let link: string;

type Measured = { ada: Received; grace: Received };

// Namespaces are for those who may make them (see run.sh).
describe.skipIf(MEDIA_ADDRESS === "127.0.0.1")("a call from a bad network", () => {
  beforeAll(async () => {
    server = await Server.start();
    home = await HomeNetwork.start(server);
    browser = await launchChromium();
    ada = await Person.open(browser, "Ada", SMALL);
    link = await ada.startMeeting(server.url);
    await graceJoins(await home.launchChromium());
    await measure("nothing wrong");
  });

  afterEach(async () => {
    await home.heal();
    const begin = performance.now();
    await received(await watch(), { sound_s: 2, frames: 30 });
    console.log(JSON.stringify({ network: "healed", recovered_ms: Math.round(performance.now() - begin) }));
  });

  afterAll(async () => {
    await Person.closeAll();
    await home.stop();
    await browser.close();
    await server.stop();
  });

  test("50 to 200 ms of delay", async () => {
    await home.impair("delay=125ms,jitter=75ms");
    expectPictures(await measure("delay 50-200 ms"));
  });

  test("a tenth of all packets is lost", async () => {
    await home.lose(0.1);
    expectPictures(await measure("loss 10 %"));
  });

  test("a fifth of all packets is lost", async () => {
    await home.lose(0.2);
    expectPictures(await measure("loss 20 %"));
  });

  test("losses in bursts, and packets out of order", async () => {
    await home.impair("delay=30ms,jitter=10ms,loss=5%,burst=4,reorder=20,duplicate=1%");
    expectPictures(await measure("bursts of 4 at 5 %, reordering"));
  });

  test("300 kbit/s", async () => {
    await home.limit(300, 200);
    await measure("300 kbit/s");
  });

  test("an outage of ten seconds", async () => {
    const watched = await watch();
    await home.lose(1);
    await new Promise((resolve) => setTimeout(resolve, 10_000)); // the length of the outage, not a wait for an event
    await home.heal();
    expectPictures(
      report("outage 10 s", await received(watched, { sound_s: SOUND_S, frames: FRAMES })),
      10 + STANDSTILL_S,
    );
  });

  test("a NAT that forgets its ports", async () => {
    const watched = await watch();
    await home.changeSourcePorts();
    expectPictures(report("other source ports", await received(watched, { sound_s: SOUND_S, frames: FRAMES })));
  });

  test("from Wi-Fi to the mobile network, with another address", async () => {
    const watched = await watch();
    await home.use("mobile");
    expectPictures(report("Wi-Fi to mobile", await received(watched, { sound_s: SOUND_S, frames: FRAMES })));
  });

  test("a network without UDP", async () => {
    await home.blockUdp();
    const browser = grace.browser;
    await grace.close();
    await ada.sees(["Ada"]);
    await graceJoins(browser);
    await ada.sees(["Ada", "Grace"]);
    expectPictures(await measure("no UDP"));
  });
});

async function graceJoins(browser: Browser): Promise<void> {
  grace = await Person.open(browser, "Grace", SMALL);
  await grace.join(home.link(link));
}

type Watched = { ada: Reception; grace: Reception };

async function watch(): Promise<Watched> {
  return { ada: await Reception.begin(ada, "Grace"), grace: await Reception.begin(grace, "Ada") };
}

/** Waits until both received that much. */
async function received(watched: Watched, least: Pick<Received, "sound_s" | "frames">): Promise<Measured> {
  let measured: Measured = { ada: await watched.ada.now(), grace: await watched.grace.now() };
  const enough = (got: Received) => got.sound_s >= least.sound_s && got.frames >= least.frames && got.audio_energy > 0;
  await until(
    `both received ${least.sound_s} s of sound and ${least.frames} pictures`,
    async () => {
      measured = { ada: await watched.ada.now(), grace: await watched.grace.now() };
      return Object.values(measured).every(enough);
    },
    DEADLINE_MS,
  ).catch((error: Error) => {
    throw new Error(`${error.message}; ${JSON.stringify(measured)}`);
  });
  return measured;
}

async function measure(network: string): Promise<Measured> {
  return report(network, await received(await watch(), { sound_s: SOUND_S, frames: FRAMES }));
}

function report(network: string, measured: Measured): Measured {
  console.log(JSON.stringify({ network, ...measured }));
  return measured;
}

/** No picture stood still for long: what is printed says for how long, and depends on the machine. */
function expectPictures(measured: Measured, gap_s = STANDSTILL_S): void {
  for (const [name, got] of Object.entries(measured)) expect(got.picture_gap_s, name).toBeLessThan(gap_s);
}
