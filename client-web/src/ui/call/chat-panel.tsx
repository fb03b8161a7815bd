// The chat: the messages and what can be done with each. Text is only ever shown as text.

import { useSignal } from "@preact/signals";
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import type { ChatEntry } from "../../index.ts";
import { Icon, type IconName } from "../icon.tsx";
import { clockLocale, text } from "../text.ts";
import { EndingMenu } from "./chat-ending.tsx";
import { authorOf, type Intent, keyOf } from "./chat-intent.ts";
import { Composer } from "./composer.tsx";
import { endingWords } from "./ending-words.ts";
import { FileCard } from "./file-card.tsx";
import { piecesOf } from "./links.ts";
import type { CallModel } from "./model.ts";
import { PollCard } from "./poll-card.tsx";
import { Uploads } from "./uploads.tsx";

/** With nothing begun yet, the focus stays where opening the chat put it. */
const FIRST: Intent = { kind: "new" };
/** Messages of one person within this time stand under one name, in milliseconds. */
const GROUP_MS = 120_000;
/** Nearer to the end than this, the list follows new messages, in CSS pixels. */
const FOLLOWS_WITHIN = 60;

export function ChatPanel({ model }: { readonly model: CallModel }) {
  const { talk } = model;
  const intent = useSignal<Intent>(FIRST);
  const dropping = useSignal(false);
  const entries = talk.entries.value;
  // The same one every time: else each message is drawn again with every new one.
  const setIntent = useCallback((wanted: Intent) => (intent.value = wanted), [intent]);
  useEffect(() => {
    const look = () => talk.setSeen(document.visibilityState === "visible");
    talk.setOpen(true);
    look();
    document.addEventListener("visibilitychange", look);
    return () => {
      document.removeEventListener("visibilitychange", look);
      talk.setSeen(false);
      talk.setOpen(false);
    };
  }, [talk]);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: dropping is one more way; the button beside the text is for all.
    <div
      class="chat"
      data-dropping={dropping.value}
      onDragOver={(event) => {
        if (event.dataTransfer?.types.includes("Files") === true) {
          event.preventDefault();
          dropping.value = true;
        }
      }}
      onDragLeave={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) {
          dropping.value = false;
        }
      }}
      onDrop={(event) => {
        dropping.value = false;
        const files = [...(event.dataTransfer?.files ?? [])];
        if (files.length > 0) {
          event.preventDefault();
          talk.share(files);
        }
      }}
    >
      <Messages model={model} entries={entries} onIntent={setIntent} />
      <Uploads talk={talk} />
      <Composer
        key={keyOf(intent.value)}
        model={model}
        intent={intent.value}
        focused={intent.value !== FIRST}
        onDone={() => (intent.value = { kind: "new" })}
      />
      {dropping.value && (
        <p class="chat-drop">
          <Icon name="attach" />
          <span>{text.files.drop}</span>
        </p>
      )}
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
  const locale = clockLocale();
  const clock = useMemo(() => new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" }), [locale]);
  const self = model.self?.clientId;
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
      <div class="chat-about">
        <Icon name="lock" size={16} />
        <p>
          {text.chat.about} <strong>{endingWords(model.talk.rule.value)}</strong>
        </p>
        <EndingMenu model={model} />
      </div>
      {entries.length === 0 && <p class="chat-empty">{text.chat.empty}</p>}
      {entries.map((entry, index) => (
        <div key={entry.id}>
          {entry.id === firstUnread && <p class="chat-unread">{text.chat.unread(unread)}</p>}
          <Message
            model={model}
            entry={entry}
            isOwn={entry.isSelf && entry.from === self}
            clock={clock}
            opens={!continues(entries[index - 1], entry) || entry.id === firstUnread}
            original={entry.replyTo === undefined ? undefined : entries.find(({ id }) => id === entry.replyTo)}
            onIntent={onIntent}
          />
        </div>
      ))}
    </div>
  );
}

interface MessageProperties {
  readonly model: CallModel;
  readonly entry: ChatEntry;
  /** It may be changed from here. */
  readonly isOwn: boolean;
  readonly clock: Intl.DateTimeFormat;
  /** It stands under a name of its own. */
  readonly opens: boolean;
  readonly original: ChatEntry | undefined;
  readonly onIntent: (intent: Intent) => void;
}

function Message({ model, entry, isOwn, clock, opens, original, onIntent }: MessageProperties) {
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
            {original === undefined ? (
              text.chat.lost
            ) : (
              <>
                <bdi>{authorOf(original)}</bdi>: <bdi>{original.text}</bdi>
              </>
            )}
          </blockquote>
        )}
        <Content model={model} entry={entry} isOwn={isOwn} />
        {entry.waiting && (
          <small class="message-waiting" translate>
            <Icon name="hourglass" size={13} /> {text.chat.waiting}
          </small>
        )}
        {(entry.burns || entry.goneAt !== undefined) && (
          <small class="message-waiting" translate>
            <Icon name="timer" size={13} />
            <span>{entry.goneAt === undefined ? text.chat.burns : text.chat.goneAt(clock.format(entry.goneAt))}</span>
          </small>
        )}
        {entry.readBy.size > 0 && <ReadBy model={model} entry={entry} />}
      </div>
      <div class="message-actions" translate>
        <Action icon="reply" label={text.chat.reply} onClick={() => onIntent({ kind: "reply", to: entry })} />
        {isOwn && entry.file === undefined && entry.poll === undefined && (
          <Action icon="edit" label={text.chat.edit} onClick={() => onIntent({ kind: "edit", entry })} />
        )}
        {isOwn && <Action icon="remove" label={text.chat.remove} onClick={() => model.talk.remove(entry.id)} />}
      </div>
    </article>
  );
}

function Content({ model, entry, isOwn }: Pick<MessageProperties, "model" | "entry"> & { readonly isOwn: boolean }) {
  if (entry.file !== undefined) {
    return (
      <FileCard talk={model.talk} entry={entry} offer={entry.file} fetches={model.view.pictures.value === "all"} />
    );
  }
  if (entry.poll !== undefined) {
    return <PollCard model={model} entry={entry} poll={entry.poll} isOwn={isOwn} />;
  }
  return (
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
  );
}

/** Who has read an own message. */
function ReadBy({ model, entry }: Pick<MessageProperties, "model" | "entry">) {
  const others = model.people.value.filter((person) => !person.isSelf);
  const all = others.length > 0 && others.every((person) => entry.readBy.has(person.clientId));
  return (
    // The messages are announced, not who has read them.
    <details class="message-details" aria-live="off" translate>
      <summary>{all ? text.chat.readByAll : text.chat.readBy(entry.readBy.size)}</summary>
      <ul translate={false}>
        {[...entry.readBy].map((clientId) => (
          <li key={clientId} dir="auto">
            {model.nameOf(clientId)}
          </li>
        ))}
      </ul>
    </details>
  );
}

interface ActionProperties {
  readonly icon: IconName;
  readonly label: string;
  readonly onClick: () => void;
}

function Action({ icon, label, onClick }: ActionProperties) {
  return (
    <button type="button" class="icon-button" aria-label={label} title={label} onClick={onClick}>
      <Icon name={icon} size={15} />
    </button>
  );
}

function continues(before: ChatEntry | undefined, entry: ChatEntry): boolean {
  return before !== undefined && before.from === entry.from && entry.at - before.at < GROUP_MS;
}
