// The preparation: name, camera, microphone and speaker, before anybody sees or hears anything.

import { useSignal } from "@preact/signals";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { BackgroundSwitch } from "./devices/background-switch.tsx";
import { Capture, startBoth } from "./devices/capture.ts";
import { DeviceList } from "./devices/device-list.ts";
import { LevelView } from "./devices/level-view.tsx";
import { recall, remember } from "./devices/memory.ts";
import { NoiseSwitch } from "./devices/noise-switch.tsx";
import { DevicePicker } from "./devices/picker.tsx";
import { platformOf } from "./devices/platform.ts";
import type { DeviceKind, DeviceProblem } from "./devices/problem.ts";
import { canPickSpeaker, playTestSound } from "./devices/speaker.ts";
import { platformName, stepsFor } from "./devices/steps.ts";
import { Icon } from "./icon.tsx";
import { useMedia } from "./media-query.ts";
import { PageHeader } from "./page.tsx";
import { text } from "./text.ts";
import { listenForShortcuts, ToggleButton } from "./toggle.tsx";
import { VideoView } from "./video.tsx";

/** What somebody else wants of a person's preparation; the person may change all of it. */
export interface Wishes {
  readonly name?: string | undefined;
  readonly muted?: boolean | undefined;
  readonly cameraOff?: boolean | undefined;
}

/** What a person takes into the call; the tracks change owner. */
export interface Readiness {
  readonly name: string;
  readonly camera: MediaStreamTrack | undefined;
  readonly microphone: MediaStreamTrack | undefined;
  readonly cameraId: string;
  readonly microphoneId: string;
  readonly speakerId: string;
  /** What belongs to the link, if something does. */
  readonly passcode: string | undefined;
}

interface Properties {
  readonly wishes?: Wishes | undefined;
  /** The meeting has a passcode: this one was typed before, or none. */
  readonly passcode: string | undefined;
  readonly onJoin: (ready: Readiness) => void;
  readonly onHome: () => void;
}

/** Longest name in characters; the server's limit on identity cards is far above it. */
const LONGEST_NAME = 60;
/** Where steps can stand open without pushing what is needed to join off the screen. */
const ROOMY = "(min-width: 760px)";
/** How long Join waits for devices that are just starting, in milliseconds. */
const DEVICE_PATIENCE_MS = 4_000;

/** The devices while the person prepares. */
class Preparation {
  readonly list = new DeviceList(navigator.mediaDevices);
  readonly camera = new Capture("camera", navigator.mediaDevices);
  readonly microphone = new Capture("microphone", navigator.mediaDevices);

  async start({ muted = false, cameraOff = false }: Wishes = {}): Promise<void> {
    if (muted || cameraOff) {
      await Promise.all([muted || this.microphone.start(), cameraOff || this.camera.start()]);
    } else {
      await startBoth(navigator.mediaDevices, this.camera, this.microphone);
    }
    await this.list.refresh();
  }

  /** A device that was missing may have been plugged in. */
  retryMissing(): void {
    const { cameras, microphones } = this.list.devices.value;
    const found = [
      { capture: this.camera, devices: cameras },
      { capture: this.microphone, devices: microphones },
    ];
    for (const { capture, devices } of found) {
      const state = capture.state.value;
      if (devices.length > 0 && state.kind === "problem" && state.problem === "missing") {
        void capture.start("");
      }
    }
  }

  close(): void {
    this.list.close();
    this.camera.stop();
    this.microphone.stop();
  }
}

export function PrejoinScreen({ wishes = {}, passcode: known, onJoin, onHome }: Properties) {
  const [preparation] = useState(() => new Preparation());
  const { camera, microphone, list } = preparation;
  const name = useSignal(wishes.name ?? recall("name"));
  const nameMissing = useSignal(false);
  const passcode = useSignal(known ?? "");
  const passcodeInput = useRef<HTMLInputElement>(null);
  const joining = useSignal(false);
  const speakerId = useSignal(recall("speaker"));
  const nameInput = useRef<HTMLInputElement>(null);
  const joinButton = useRef<HTMLButtonElement>(null);
  const ids = { name: useId(), problem: useId(), passcode: useId() };

  useEffect(() => {
    void preparation.start(wishes);
    (name.value === "" ? nameInput : joinButton).current?.focus();
    return () => preparation.close();
  }, [preparation]);

  useEffect(
    () => listenForShortcuts((kind) => toggle(kind === "camera" ? preparation.camera : preparation.microphone)),
    [preparation],
  );
  const devices = list.devices.value;
  // A new list of devices is the occasion to try again.
  useEffect(() => preparation.retryMissing(), [preparation, devices]);

  const join = async (event: Event) => {
    event.preventDefault();
    if (joining.value) {
      return;
    }
    const trimmed = name.value.trim();
    if (trimmed === "") {
      nameMissing.value = true;
      nameInput.current?.focus();
      return;
    }
    if (known !== undefined && passcode.value.trim() === "") {
      passcodeInput.current?.focus();
      return;
    }
    remember("name", trimmed);
    joining.value = true;
    await Promise.all([camera.settled(DEVICE_PATIENCE_MS), microphone.settled(DEVICE_PATIENCE_MS)]);
    onJoin({
      name: trimmed,
      passcode: known === undefined ? undefined : passcode.value,
      cameraId: camera.deviceId.value,
      microphoneId: microphone.deviceId.value,
      speakerId: speakerId.value,
      camera: camera.release(),
      microphone: microphone.release(),
    });
  };

  return (
    <div class="page">
      <PageHeader onHome={onHome} />
      <main class="prejoin">
        <Preview preparation={preparation} />
        <div class="prejoin-side">
          <h1>{text.prejoin.title}</h1>
          <form class="prejoin-form" onSubmit={(event) => void join(event)} noValidate>
            <label class="field-label" for={ids.name}>
              {text.prejoin.nameLabel}
            </label>
            <input
              ref={nameInput}
              id={ids.name}
              type="text"
              autocomplete="name"
              autocapitalize="words"
              spellcheck={false}
              maxLength={LONGEST_NAME}
              placeholder={text.prejoin.namePlaceholder}
              value={name.value}
              aria-invalid={nameMissing.value}
              aria-describedby={ids.problem}
              onInput={(event) => {
                name.value = event.currentTarget.value;
                nameMissing.value = false;
              }}
            />
            <p id={ids.problem} class="problem" role="alert">
              {nameMissing.value ? text.prejoin.nameMissing : ""}
            </p>
            {known !== undefined && (
              <>
                <label class="field-label" for={ids.passcode}>
                  {text.landing.passcode}
                </label>
                <input
                  ref={passcodeInput}
                  id={ids.passcode}
                  type="password"
                  autocomplete="off"
                  value={passcode.value}
                  required
                  onInput={(event) => {
                    passcode.value = event.currentTarget.value;
                  }}
                />
              </>
            )}
            <button ref={joinButton} type="submit" class="button primary large wide" aria-busy={joining.value}>
              {text.prejoin.join}
            </button>
            <p class="hint">
              <Icon name="lock" size={16} />
              <span>{text.prejoin.privacy}</span>
            </p>
          </form>
          <div class="prejoin-devices">
            <DevicePicker
              icon="camera"
              label={text.prejoin.camera}
              devices={devices.cameras}
              value={camera.deviceId.value}
              onPick={(id) => void camera.pick(id).then(() => list.refresh())}
            />
            <BackgroundSwitch onChange={() => void camera.followBackground()} />
            <DevicePicker
              icon="microphone"
              hasDefault
              label={text.prejoin.microphone}
              devices={devices.microphones}
              value={microphone.deviceId.value}
              onPick={(id) => void microphone.pick(id).then(() => list.refresh())}
            />
            <LevelView state={microphone.state.value} />
            <NoiseSwitch onChange={() => void microphone.followNoise()} />
            {canPickSpeaker && devices.speakers.length > 0 && (
              <DevicePicker
                icon="speaker"
                hasDefault
                label={text.prejoin.speaker}
                devices={devices.speakers}
                value={speakerId.value}
                onPick={(id) => {
                  speakerId.value = id;
                  remember("speaker", id);
                }}
              >
                <button
                  type="button"
                  class="button small"
                  aria-label={text.prejoin.testSpeakerLong}
                  onClick={() => void playTestSound(speakerId.value).catch(() => undefined)}
                >
                  {text.prejoin.testSpeaker}
                </button>
              </DevicePicker>
            )}
            <a href="/#connection-test" target="_blank" rel="noopener">
              {text.check.open}
            </a>
          </div>
        </div>
      </main>
    </div>
  );
}

function Preview({ preparation }: { readonly preparation: Preparation }) {
  const { camera, microphone } = preparation;
  const cameraState = camera.state.value;
  const microphoneState = microphone.state.value;
  return (
    <section class="preview" aria-label={text.prejoin.preview}>
      <div class="preview-picture">
        {cameraState.kind === "on" ? (
          <VideoView track={cameraState.track} mirrored />
        ) : (
          <p class="preview-message">
            {cameraState.kind === "starting" ? text.prejoin.cameraStarting : text.prejoin.cameraOff}
          </p>
        )}
        <div class="preview-controls">
          <ToggleButton
            kind="microphone"
            on={microphoneState.kind === "on" || microphoneState.kind === "starting"}
            problem={microphoneState.kind === "problem"}
            onToggle={() => toggle(microphone)}
          />
          <ToggleButton
            kind="camera"
            on={cameraState.kind === "on" || cameraState.kind === "starting"}
            problem={cameraState.kind === "problem"}
            onToggle={() => toggle(camera)}
          />
        </div>
      </div>
      <div class="preview-problems" aria-live="polite">
        <DeviceProblems preparation={preparation} />
      </div>
    </section>
  );
}

function toggle(capture: Capture): void {
  const { kind } = capture.state.value;
  if (kind === "on" || kind === "starting") {
    capture.stop();
  } else {
    void capture.start();
  }
}

/** What keeps the devices from working; one message where both have the same trouble. */
function DeviceProblems({ preparation }: { readonly preparation: Preparation }) {
  const { camera, microphone } = preparation;
  const cameraProblem = problemIn(camera);
  const microphoneProblem = problemIn(microphone);
  if (cameraProblem !== undefined && cameraProblem === microphoneProblem) {
    return <DeviceProblemView which="both" problem={cameraProblem} onRetry={() => void preparation.start()} />;
  }
  return (
    <>
      {cameraProblem !== undefined && (
        <DeviceProblemView which="camera" problem={cameraProblem} onRetry={() => void camera.start()} />
      )}
      {microphoneProblem !== undefined && (
        <DeviceProblemView which="microphone" problem={microphoneProblem} onRetry={() => void microphone.start()} />
      )}
    </>
  );
}

function problemIn(capture: Capture): DeviceProblem | undefined {
  const state = capture.state.value;
  return state.kind === "problem" ? state.problem : undefined;
}

function DeviceSteps({ problem }: { readonly problem: DeviceProblem }) {
  const platform = platformOf(navigator.userAgent, navigator.maxTouchPoints);
  const steps = stepsFor(problem, platform);
  const roomy = useMedia(ROOMY);
  return (
    steps.length > 0 && (
      <details open={roomy}>
        <summary>{platformName(platform)}</summary>
        <ol class="device-steps">
          {steps.map((step) => (
            <li key={step}>{step}</li>
          ))}
        </ol>
      </details>
    )
  );
}

interface DeviceProblemProperties {
  readonly which: DeviceKind | "both";
  readonly problem: DeviceProblem;
  readonly onRetry: () => void;
}

function DeviceProblemView({ which, problem, onRetry }: DeviceProblemProperties) {
  const words = problem === "unblurred" ? text.background.failed : text.device[which][problem];
  return (
    <div class="device-problem">
      <Icon name={which === "microphone" ? "microphoneOff" : "cameraOff"} />
      <div>
        <p class="device-problem-title">{words.title}</p>
        <p>
          {words.help} {text.prejoin.without}
        </p>
        <DeviceSteps problem={problem} />
      </div>
      <button type="button" class="button small" onClick={onRetry}>
        {text.prejoin.retry}
      </button>
    </div>
  );
}
