// A poll in the chat: vote, change one's mind, see who chose what; its author ends it.

import { useId } from "preact/hooks";
import { type ChatEntry, type Poll, tally } from "../../index.ts";
import { text } from "../text.ts";
import type { CallModel } from "./model.ts";

interface Properties {
  readonly model: CallModel;
  readonly entry: ChatEntry;
  readonly poll: Poll;
  readonly isOwn: boolean;
}

export function PollCard({ model, entry, poll, isOwn }: Properties) {
  const { talk } = model;
  const name = useId();
  const own = poll.votes.get(model.self?.clientId ?? "") ?? [];
  const counts = tally(poll);
  const choose = (option: number, chosen: boolean) => {
    const others = poll.multiple ? own.filter((choice) => choice !== option) : [];
    talk.vote(entry.id, chosen ? [...others, option] : others);
  };
  return (
    <fieldset class="poll" disabled={poll.ended}>
      <legend dir="auto">{poll.question}</legend>
      {poll.options.map((option, index) => (
        <label key={option} class="poll-option">
          <input
            type={poll.multiple ? "checkbox" : "radio"}
            name={name}
            checked={own.includes(index)}
            onChange={({ currentTarget: { checked } }) => choose(index, checked)}
          />
          <span class="poll-words" dir="auto">
            {option}
          </span>
          <span class="poll-count" translate>
            {text.polls.votes(counts[index] ?? 0)}
          </span>
          <progress aria-hidden="true" value={counts[index] ?? 0} max={Math.max(1, poll.votes.size)} />
        </label>
      ))}
      <p class="poll-foot" translate>
        {poll.ended ? text.polls.ended(poll.votes.size) : text.polls.voters(poll.votes.size)}
      </p>
      {poll.votes.size > 0 && (
        <details class="message-details">
          <summary translate>{text.polls.who}</summary>
          <ul>
            {[...poll.votes].map(([voter, choices]) => (
              <li key={voter}>
                <bdi>{model.nameOf(voter)}</bdi>: <bdi>{choices.map((choice) => poll.options[choice]).join(", ")}</bdi>
              </li>
            ))}
          </ul>
        </details>
      )}
      {isOwn && !poll.ended && (
        <button type="button" class="button small" translate onClick={() => talk.endPoll(entry.id)}>
          {text.polls.end}
        </button>
      )}
    </fieldset>
  );
}
