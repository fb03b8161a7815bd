// A file in the chat: fetch, progress, save; a picture is drawn anew, so that nothing but its pixels is shown.

import { useEffect, useState } from "preact/hooks";
import type { ChatEntry, FileOffer } from "../../index.ts";
import { Icon } from "../icon.tsx";
import { text } from "../text.ts";
import { pictureUrl } from "./picture-url.ts";
import { saveFile } from "./save-file.ts";
import { sizeOf } from "./size.ts";
import type { Talk } from "./talk.ts";
import { Progress } from "./uploads.tsx";

interface Properties {
  readonly talk: Talk;
  readonly entry: ChatEntry;
  readonly offer: FileOffer;
  /** Small pictures may be fetched without being asked for. */
  readonly fetches: boolean;
}

/** Pictures up to this size are fetched unasked, in bytes. */
const FETCHED_UNASKED = 4 * 1_048_576;
const PICTURES: ReadonlySet<string> = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"]);

export function FileCard({ talk, entry, offer, fetches }: Properties) {
  const fetched = talk.files.value.fetched.get(entry.id);
  const isPicture = PICTURES.has(offer.mime);
  useEffect(() => {
    if (fetches && isPicture && fetched === undefined && offer.bytes <= FETCHED_UNASKED) {
      void talk.fetch(entry.id, offer);
    }
  }, [entry.id]);
  return (
    <div class="file-card">
      {isPicture && fetched?.state === "here" && <Thumbnail blob={fetched.blob} name={offer.name} />}
      <div class="file-row">
        <Icon name="file" size={22} />
        <p class="file-facts">
          <bdi>{offer.name}</bdi>
          <small>{sizeOf(offer.bytes)}</small>
        </p>
        {fetched?.state === "loading" ? (
          <button
            type="button"
            class="icon-button"
            aria-label={text.files.cancel(offer.name)}
            onClick={() => talk.cancelFetch(entry.id)}
          >
            <Icon name="close" size={18} />
          </button>
        ) : (
          <button
            type="button"
            class="icon-button"
            aria-label={text.files.download(offer.name)}
            title={text.files.download(offer.name)}
            onClick={() => void saveFile(talk, entry.id, offer)}
          >
            <Icon name="download" size={20} />
          </button>
        )}
      </div>
      {fetched?.state === "loading" && (
        <Progress label={text.files.receiving(offer.name)} done={fetched.received} total={offer.bytes} />
      )}
      <small role="status" translate>
        {fetched?.state === "saved" ? text.files.saved : ""}
      </small>
      {fetched?.state === "failed" && (
        <small role="alert" translate>
          {text.files.problems[fetched.problem]}
        </small>
      )}
    </div>
  );
}

function Thumbnail({ blob, name }: { readonly blob: Blob; readonly name: string }) {
  const [url, setUrl] = useState<string | undefined>(undefined);
  useEffect(() => {
    let over = false;
    let made: string | undefined;
    void pictureUrl(blob).then((drawn) => {
      if (over && drawn !== undefined) {
        URL.revokeObjectURL(drawn);
      } else if (drawn !== undefined) {
        made = drawn;
        setUrl(drawn);
      }
    });
    return () => {
      over = true;
      if (made !== undefined) {
        URL.revokeObjectURL(made);
      }
    };
  }, [blob]);
  return url === undefined ? null : <img class="thumbnail" src={url} alt={text.files.picture(name)} />;
}
