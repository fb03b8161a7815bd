// Asks everybody: a question and what can be answered.

import { useSignal } from "@preact/signals";
import { useEffect, useId, useRef } from "preact/hooks";
import { MAX_OPTION, MAX_OPTIONS, MAX_QUESTION } from "../../index.ts";
import { Icon } from "../icon.tsx";
import { text } from "../text.ts";
import type { Talk } from "./talk.ts";

export function PollForm({ talk, onClose }: { readonly talk: Talk; readonly onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  const question = useSignal("");
  const options = useSignal<readonly string[]>(["", ""]);
  const multiple = useSignal(false);
  const problem = useSignal(false);
  useEffect(() => dialog.current?.showModal(), []);
  const send = (event: Event) => {
    event.preventDefault();
    const given = options.value.map((option) => option.trim()).filter((option) => option !== "");
    if (talk.ask({ question: question.value, options: given, multiple: multiple.value })) {
      // Not only taken away: a dialog that closes gives the focus back.
      dialog.current?.close();
    } else {
      problem.value = true;
    }
  };
  const write = (index: number, words: string) => {
    problem.value = false;
    options.value = options.value.map((option, at) => (at === index ? words : option));
  };
  return (
    <dialog ref={dialog} class="dialog poll-form" aria-labelledby={`${id}-title`} onClose={onClose}>
      <form onSubmit={send}>
        <h2 id={`${id}-title`}>{text.polls.create}</h2>
        <label for={`${id}-question`}>{text.polls.question}</label>
        <input
          id={`${id}-question`}
          dir="auto"
          maxLength={MAX_QUESTION}
          value={question.value}
          onInput={({ currentTarget }) => {
            problem.value = false;
            question.value = currentTarget.value;
          }}
        />
        {options.value.map((option, index) => (
          <div key={index}>
            <label for={`${id}-${index}`}>{text.polls.option(index + 1)}</label>
            <input
              id={`${id}-${index}`}
              dir="auto"
              maxLength={MAX_OPTION}
              value={option}
              onInput={({ currentTarget }) => write(index, currentTarget.value)}
            />
          </div>
        ))}
        {options.value.length < MAX_OPTIONS && (
          <button type="button" class="button small" onClick={() => (options.value = [...options.value, ""])}>
            {text.polls.addOption}
          </button>
        )}
        <label class="ending-burn">
          <input
            type="checkbox"
            checked={multiple.value}
            onChange={({ currentTarget }) => (multiple.value = currentTarget.checked)}
          />
          <span>{text.polls.multiple}</span>
        </label>
        <p class="poll-note">
          <Icon name="people" size={16} />
          <span>{text.polls.open}</span>
        </p>
        <p role="alert">{problem.value ? text.polls.incomplete : ""}</p>
        <div class="card-actions">
          <button type="button" class="button" onClick={() => dialog.current?.close()}>
            {text.chat.cancel}
          </button>
          <button type="submit" class="button primary">
            {text.polls.ask}
          </button>
        </div>
      </form>
    </dialog>
  );
}
