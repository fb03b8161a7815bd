// Plays the others' sound, and asks for a click where the browser holds it back.

import { useEffect, useRef } from "preact/hooks";
import type { Participant, SharedScreen } from "../../index.ts";
import { playThrough } from "../devices/speaker.ts";
import { Icon } from "../icon.tsx";
import { text } from "../text.ts";
import type { CallModel } from "./model.ts";
import { shareId } from "./view.ts";

export function AudioOut({ model }: { readonly model: CallModel }) {
  const place = useRef<HTMLDivElement>(null);
  const unblock = () => {
    model.audioBlocked.value = false;
    for (const element of place.current?.querySelectorAll("audio") ?? []) {
      void play(element, model);
    }
  };
  return (
    <div ref={place} class="audio-out">
      {model.people.value.filter(isHeard).map((person) => (
        <Sound key={person.clientId} clientId={person.clientId} stream={person.audio} model={model} />
      ))}
      {model.people.value.filter(isShareHeard).map((person) => (
        <Sound key={shareId(person.clientId)} clientId={person.clientId} stream={person.share.audio} model={model} />
      ))}
      {model.audioBlocked.value && (
        <button type="button" class="button primary tap-to-hear" title={text.call.tapToHearDetail} onClick={unblock}>
          <Icon name="speaker" />
          <span>{text.call.tapToHear}</span>
        </button>
      )}
    </div>
  );
}

/** Only sound that is known to be this person's, decrypted with this call's keys, is played. */
function isHeard(person: Participant): person is Participant & { readonly audio: MediaStream } {
  return !person.isSelf && person.audio !== undefined && person.crypto.state !== "failed";
}

/** The same of the sound that comes with a shared screen. */
function isShareHeard(
  person: Participant,
): person is Participant & { readonly share: SharedScreen & { readonly audio: MediaStream } } {
  return !person.isSelf && person.share?.audio !== undefined && person.crypto.state !== "failed";
}

interface SoundProperties {
  readonly clientId: string;
  readonly stream: MediaStream;
  readonly model: CallModel;
}

function Sound({ clientId, stream, model }: SoundProperties) {
  const audio = useRef<HTMLAudioElement>(null);
  const speakerId = model.speakerId.value;
  useEffect(() => {
    const element = audio.current;
    if (element === null) {
      return;
    }
    element.srcObject = stream;
    void play(element, model);
    // A phone call stops it; it goes on when the person is back, or at their tap.
    const stopped = () => {
      model.audioBlocked.value = stream.active;
    };
    const back = () => {
      if (document.visibilityState === "visible" && element.paused) {
        model.audioBlocked.value = false;
        void play(element, model);
      }
    };
    element.addEventListener("pause", stopped);
    document.addEventListener("visibilitychange", back);
    return () => {
      element.removeEventListener("pause", stopped);
      document.removeEventListener("visibilitychange", back);
      element.srcObject = null;
    };
  }, [stream, model]);
  const { volume, muted } = model.view.loudnessOf(clientId);
  useEffect(() => {
    if (audio.current !== null) {
      audio.current.volume = volume;
      audio.current.muted = muted;
    }
  }, [volume, muted]);
  useEffect(() => {
    if (audio.current !== null) {
      void playThrough(audio.current, speakerId);
    }
  }, [speakerId]);
  // biome-ignore lint/a11y/useMediaCaption: live speech of a call has no caption track.
  return <audio ref={audio} autoplay />;
}

async function play(element: HTMLAudioElement, model: CallModel): Promise<void> {
  try {
    await element.play();
  } catch (error) {
    if (error instanceof DOMException && error.name === "NotAllowedError") {
      model.audioBlocked.value = true;
    }
  }
}
