// Shows a moving picture. It never owns the track: whoever made it stops it.

import { useEffect, useRef } from "preact/hooks";

interface Properties {
  readonly track?: MediaStreamTrack;
  readonly stream?: MediaStream;
  /** One's own picture is mirrored, as people know themselves. */
  readonly mirrored?: boolean;
}

export function VideoView({ track, stream, mirrored = false }: Properties) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    const element = video.current;
    if (element === null) {
      return;
    }
    element.srcObject = stream ?? (track === undefined ? null : new MediaStream([track]));
    // The picture is muted, so every browser plays it; a refusal only means that it was replaced meanwhile.
    element.play().catch(() => undefined);
    return () => {
      element.srcObject = null;
    };
  }, [track, stream]);
  return (
    <video
      ref={video}
      class={mirrored ? "video mirrored" : "video"}
      autoplay
      playsInline
      muted
      disablePictureInPicture
    />
  );
}
