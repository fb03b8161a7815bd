// The own files on their way: how far each is, and what went wrong.

import type { FileProblem, Upload } from "../../index.ts";
import { Icon } from "../icon.tsx";
import { text } from "../text.ts";
import { sizeOf } from "./size.ts";
import type { Talk } from "./talk.ts";

export function Uploads({ talk }: { readonly talk: Talk }) {
  const { uploads } = talk.files.value;
  if (uploads.length === 0) {
    return null;
  }
  return (
    <ul class="uploads" aria-label={text.files.uploads}>
      {uploads.map((upload) => (
        <li key={upload.id}>
          <Icon name="file" size={18} />
          <div class="upload-facts">
            <bdi translate={false}>{upload.name}</bdi>
            {upload.problem === undefined ? (
              <Progress label={text.files.sending(upload.name)} done={upload.sent} total={upload.bytes} />
            ) : (
              <span role="alert">{whyNot(upload, upload.problem)}</span>
            )}
          </div>
          <button
            type="button"
            class="icon-button"
            aria-label={text.files.cancel(upload.name)}
            onClick={() => talk.cancelUpload(upload.id)}
          >
            <Icon name="close" size={16} />
          </button>
        </li>
      ))}
    </ul>
  );
}

/** How much of a file went through. */
export function Progress(properties: { readonly label: string; readonly done: number; readonly total: number }) {
  const { label, done, total } = properties;
  return (
    <span class="transfer">
      <progress aria-label={label} value={done} max={Math.max(1, total)} />
      <span>{text.files.progress(sizeOf(done, total), sizeOf(total))}</span>
    </span>
  );
}

function whyNot({ bytes, limit }: Upload, problem: FileProblem): string {
  return problem === "too_large" && limit !== undefined
    ? text.files.tooLarge(sizeOf(bytes), sizeOf(limit))
    : text.files.problems[problem];
}
