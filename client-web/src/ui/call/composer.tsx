// Where one writes, attaches and asks. What is too long is refused before it is sent, and can go as a file.

import { useSignal } from "@preact/signals";
import { useEffect, useId, useRef } from "preact/hooks";
import { MAX_TEXT } from "../../index.ts";
import { Icon } from "../icon.tsx";
import { text } from "../text.ts";
import { authorOf, type Intent } from "./chat-intent.ts";
import type { CallModel } from "./model.ts";
import { PollForm } from "./poll-form.tsx";

interface Properties {
  readonly model: CallModel;
  readonly intent: Intent;
  /** It takes the focus, as in place of another one that had it. */
  readonly focused: boolean;
  readonly onDone: () => void;
}

/** The room that is left is told below this many characters. */
const NEARLY_FULL = 200;

export function Composer({ model, intent, focused, onDone }: Properties) {
  const { talk } = model;
  const id = useId();
  const area = useRef<HTMLTextAreaElement>(null);
  const picker = useRef<HTMLInputElement>(null);
  const changed = useSignal(intent.kind === "edit" ? intent.entry.text : "");
  /** What did not fit, until something is written or it is sent as a file. */
  const refused = useSignal<string | undefined>(undefined);
  const asking = useSignal(false);
  const words = intent.kind === "edit" ? changed : talk.draft;
  const replyTo = intent.kind === "reply" ? intent.to.id : undefined;
  useEffect(() => {
    const element = area.current;
    if (element !== null && focused) {
      element.focus();
      element.setSelectionRange(element.value.length, element.value.length);
    }
    // Not with each new message that follows another: files may have been sent from elsewhere.
  }, [intent.kind === "new" ? "new" : intent]);
  const send = (event?: Event) => {
    event?.preventDefault();
    const took = intent.kind === "edit" ? talk.edit(intent.entry.id, words.value) : talk.say(words.value, replyTo);
    if (took) {
      words.value = "";
      onDone();
    }
    area.current?.focus();
  };
  const share = (files: readonly File[]) => {
    talk.share(files, replyTo);
    onDone();
  };
  /** Takes what was written if it fits, else keeps what was there: a text of megabytes would hold everything up. */
  const write = (element: HTMLTextAreaElement) => {
    if (element.value.length > MAX_TEXT) {
      refused.value = element.value;
      element.value = words.value;
    } else {
      refused.value = undefined;
      words.value = element.value;
    }
  };
  const left = MAX_TEXT - words.value.length;
  return (
    <>
      <form class="composer" onSubmit={send}>
        {intent.kind !== "new" && (
          <div class="composer-intent">
            <Icon name={intent.kind === "edit" ? "edit" : "reply"} size={15} />
            <span>{intent.kind === "edit" ? text.chat.editing : text.chat.replyTo(authorOf(intent.to))}</span>
            <button type="button" class="icon-button" aria-label={text.chat.cancel} onClick={onDone}>
              <Icon name="close" size={16} />
            </button>
          </div>
        )}
        <div role="alert">
          {refused.value !== undefined && (
            <div class="composer-refused">
              <p>{text.chat.doesNotFit(refused.value.length, MAX_TEXT)}</p>
              <button
                type="button"
                class="button small"
                onClick={() => {
                  share([new File([refused.value ?? ""], `${text.files.pasted}.txt`, { type: "text/plain" })]);
                  refused.value = undefined;
                }}
              >
                {text.files.sendAsFile}
              </button>
            </div>
          )}
        </div>
        <label class="visually-hidden" for={id}>
          {text.chat.write}
        </label>
        <input
          ref={picker}
          type="file"
          multiple
          hidden
          aria-label={text.files.attach}
          onChange={({ currentTarget }) => {
            share([...(currentTarget.files ?? [])]);
            currentTarget.value = "";
          }}
        />
        <div class="composer-row">
          <button
            type="button"
            class="icon-button"
            aria-label={text.files.attach}
            title={text.files.attach}
            onClick={() => picker.current?.click()}
          >
            <Icon name="attach" />
          </button>
          <button
            type="button"
            class="icon-button"
            aria-label={text.polls.create}
            title={text.polls.create}
            onClick={() => (asking.value = true)}
          >
            <Icon name="poll" />
          </button>
          <textarea
            ref={area}
            id={id}
            rows={1}
            dir="auto"
            placeholder={text.chat.placeholder}
            value={words.value}
            enterkeyhint="send"
            onInput={(event) => write(event.currentTarget)}
            onPaste={(event) => {
              const data = event.clipboardData;
              const pasted = data?.getData("text/plain") ?? "";
              const files = [...(data?.files ?? [])];
              if (pasted === "" && files.length > 0) {
                event.preventDefault();
                share(files);
              } else if (pasted.length > MAX_TEXT) {
                event.preventDefault();
                refused.value = pasted;
              }
            }}
            onKeyDown={(event) => {
              // While a word is being composed, Enter takes the word.
              if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
                send(event);
              } else if (event.key === "Escape" && intent.kind !== "new") {
                event.preventDefault();
                onDone();
              }
            }}
          />
          <button
            type="submit"
            class="send"
            aria-label={intent.kind === "edit" ? text.chat.save : text.chat.send}
            disabled={words.value.trim() === ""}
          >
            <Icon name={intent.kind === "edit" ? "check" : "send"} size={20} />
          </button>
        </div>
        <p class="composer-limit" role="status">
          {left < NEARLY_FULL ? text.chat.left(left) : ""}
        </p>
      </form>
      {asking.value && <PollForm talk={talk} onClose={() => (asking.value = false)} />}
    </>
  );
}
