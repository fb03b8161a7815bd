// Plays sound through the speaker that the person picked, where the browser lets a page choose.

/** The browser can play through a chosen speaker. */
export const canPickSpeaker = "setSinkId" in HTMLMediaElement.prototype;

/** Sends an element's sound to a speaker ("" is the default); stays with the old one when it is gone. */
export async function playThrough(element: HTMLMediaElement, speakerId: string): Promise<void> {
  if (!canPickSpeaker || element.sinkId === speakerId) {
    return;
  }
  try {
    await element.setSinkId(speakerId);
  } catch {
    // Unplugged or not allowed; the sound goes on through the present speaker.
  }
}

/** Plays a short, friendly chord through a speaker. Must run in a click. */
export async function playTestSound(speakerId: string): Promise<void> {
  const context = new AudioContext();
  const destination = context.createMediaStreamDestination();
  const start = context.currentTime + 0.05;
  for (const [index, frequency] of [523.25, 659.25, 783.99].entries()) {
    const tone = context.createOscillator();
    const volume = context.createGain();
    const from = start + index * 0.16;
    tone.frequency.value = frequency;
    volume.gain.setValueAtTime(0, from);
    volume.gain.linearRampToValueAtTime(0.18, from + 0.03);
    volume.gain.exponentialRampToValueAtTime(0.001, from + 0.7);
    tone.connect(volume).connect(destination);
    tone.start(from);
    tone.stop(from + 0.75);
  }
  const element = new Audio();
  element.srcObject = destination.stream;
  await playThrough(element, speakerId);
  await element.play();
  setTimeout(() => {
    element.srcObject = null;
    void context.close();
  }, 1_600);
}
