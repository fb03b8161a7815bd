// The chat: the messages, and where one writes. Text is only ever shown as text.

import { useSignal } from "@preact/signals";
import { useEffect, useId, useLayoutEffect, useRef } from "preact/hooks";
import { type ChatEntry, MAX_TEXT } from "../../index.ts";
import { Icon } from "../icon.tsx";
import { clockLocale, text } from "../text.ts";
import { piecesOf } from "./links.ts";
import type { CallModel } from "./model.ts";
import { nameOf } from "./name.ts";

/** What the next message is: a new one, an answer, or a change of an own one. */
type Intent =
  | { readonly kind: "new" }
  | { readonly kind: "reply"; readonly to: ChatEntry }
  | { readonly kind: "edit"; readonly entry: ChatEntry };

/** Messages of one person within this time stand under one name, in milliseconds. */
const GROUP_MS = 120_000;
/** Nearer to the end than this, the list follows new messages, in CSS pixels. */
const FOLLOWS_WITHIN = 60;

export function ChatPanel({ model }: { readonly model: CallModel }) {
  const { talk } = model;
  const intent = useSignal<Intent>({ kind: "new" });
  const entries = talk.entries.value;
  useEffect(() => {
    talk.setOpen(true);
    return () => talk.setOpen(false);
  }, [talk]);
  return (
    <div class="chat">
      <Messages model={model} entries={entries} onIntent={(wanted) => (intent.value = wanted)} />
      <Composer
        key={keyOf(intent.value)}
        model={model}
        intent={intent.value}
        onDone={() => (intent.value = { kind: "new" })}
      />
    </div>
  );
}

interface MessagesProperties {
  readonly model: CallModel;
  readonly entries: readonly ChatEntry[];
  readonly onIntent: (intent: Intent) => void;
}

function Messages({ model, entries, onIntent }: MessagesProperties) {
  const list = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  const last = entries.at(-1);
  useLayoutEffect(() => {
    const element = list.current;
    if (element !== null && (follows.current || last?.isSelf === true)) {
      element.scrollTop = element.scrollHeight;
    }
  }, [last?.id, last?.isSelf]);
  const firstUnread = model.talk.firstUnread.value;
  const unread = entries.length - entries.findIndex((entry) => entry.id === firstUnread);
  return (
    <div
      ref={list}
      class="chat-list"
      role="log"
      aria-label={text.chat.messages}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard.
      tabIndex={0}
      onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
        follows.current = scrollHeight - scrollTop - clientHeight < FOLLOWS_WITHIN;
      }}
    >
      <p class="chat-about">
        <Icon name="lock" size={16} />
        <span>{text.chat.about}</span>
      </p>
      {entries.length === 0 && <p class="chat-empty">{text.chat.empty}</p>}
      {entries.map((entry, index) => (
        <div key={entry.id}>
          {entry.id === firstUnread && <p class="chat-unread">{text.chat.unread(unread)}</p>}
          <Message
            entry={entry}
            opens={!continues(entries[index - 1], entry) || entry.id === firstUnread}
            original={entry.replyTo === undefined ? undefined : entries.find(({ id }) => id === entry.replyTo)}
            mayEdit={entry.isSelf && entry.from === model.self?.clientId}
            onIntent={onIntent}
          />
        </div>
      ))}
    </div>
  );
}

interface MessageProperties {
  readonly entry: ChatEntry;
  /** It stands under a name of its own. */
  readonly opens: boolean;
  readonly original: ChatEntry | undefined;
  readonly mayEdit: boolean;
  readonly onIntent: (intent: Intent) => void;
}

function Message({ entry, opens, original, mayEdit, onIntent }: MessageProperties) {
  const clock = new Intl.DateTimeFormat(clockLocale(), { hour: "2-digit", minute: "2-digit" });
  return (
    <article class="message" data-own={entry.isSelf} data-opens={opens} aria-label={authorOf(entry)} translate={false}>
      {opens && (
        <header>
          <strong dir="auto" translate={entry.isSelf}>
            {authorOf(entry)}
          </strong>
          <time dateTime={new Date(entry.at).toISOString()}>{clock.format(entry.at)}</time>
        </header>
      )}
      <div class="bubble">
        {entry.replyTo !== undefined && (
          <blockquote dir="auto" translate={original === undefined}>
            {original === undefined ? text.chat.lost : `${authorOf(original)}: ${original.text}`}
          </blockquote>
        )}
        <p dir="auto">
          {piecesOf(entry.text).map((piece, index) =>
            piece.kind === "text" ? (
              piece.text
            ) : (
              <a key={`${index}`} href={piece.href} target="_blank" rel="noopener noreferrer" dir="ltr">
                {piece.href}
              </a>
            ),
          )}
          {entry.edited && (
            <small class="message-mark" translate>
              {text.chat.edited}
            </small>
          )}
        </p>
        {entry.waiting && (
          <small class="message-waiting" translate>
            <Icon name="hourglass" size={13} /> {text.chat.waiting}
          </small>
        )}
      </div>
      <div class="message-actions" translate>
        <button
          type="button"
          class="icon-button"
          aria-label={text.chat.reply}
          title={text.chat.reply}
          onClick={() => onIntent({ kind: "reply", to: entry })}
        >
          <Icon name="reply" size={15} />
        </button>
        {mayEdit && (
          <button
            type="button"
            class="icon-button"
            aria-label={text.chat.edit}
            title={text.chat.edit}
            onClick={() => onIntent({ kind: "edit", entry })}
          >
            <Icon name="edit" size={15} />
          </button>
        )}
      </div>
    </article>
  );
}

interface ComposerProperties {
  readonly model: CallModel;
  readonly intent: Intent;
  readonly onDone: () => void;
}

function Composer({ model, intent, onDone }: ComposerProperties) {
  const { talk } = model;
  const id = useId();
  const area = useRef<HTMLTextAreaElement>(null);
  const changed = useSignal(intent.kind === "edit" ? intent.entry.text : "");
  const words = intent.kind === "edit" ? changed : talk.draft;
  useEffect(() => {
    const element = area.current;
    if (element !== null && intent.kind !== "new") {
      element.focus();
      element.setSelectionRange(element.value.length, element.value.length);
    }
  }, [intent]);
  const send = (event?: Event) => {
    event?.preventDefault();
    const took =
      intent.kind === "edit"
        ? talk.edit(intent.entry.id, words.value)
        : talk.say(words.value, intent.kind === "reply" ? intent.to.id : undefined);
    if (took) {
      words.value = "";
      onDone();
    }
    area.current?.focus();
  };
  return (
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
      <label class="visually-hidden" for={id}>
        {text.chat.write}
      </label>
      <div class="composer-row">
        <textarea
          ref={area}
          id={id}
          rows={1}
          maxLength={MAX_TEXT}
          dir="auto"
          placeholder={text.chat.placeholder}
          value={words.value}
          enterkeyhint="send"
          onInput={(event) => {
            words.value = event.currentTarget.value;
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
        {words.value.length >= MAX_TEXT ? text.chat.tooLong(MAX_TEXT) : ""}
      </p>
    </form>
  );
}

function continues(before: ChatEntry | undefined, entry: ChatEntry): boolean {
  return before !== undefined && before.from === entry.from && entry.at - before.at < GROUP_MS;
}

function authorOf(entry: ChatEntry): string {
  return entry.isSelf ? text.chat.you : nameOf(entry);
}

function keyOf(intent: Intent): string {
  switch (intent.kind) {
    case "new":
      return "new";
    case "reply":
      return `reply ${intent.to.id}`;
    case "edit":
      return `edit ${intent.entry.id}`;
  }
}
