// What a person hears and feels after a scan. One sound means *it is kept*; nothing else sounds like it.

/** @typedef {"recorded" | "again" | "elsewhere" | "ambiguous" | "refused"} Outcome */

/** Tones as [hertz, milliseconds, loudness], 0 hertz for silence. @type {Record<Outcome, [number, number, number][]>} */
const TONES = {
  recorded: [[2700, 90, 0.5]],
  again: [[2700, 60, 0.2]],
  elsewhere: [[500, 180, 0.6], [0, 80, 0], [500, 180, 0.6]],
  ambiguous: [[1000, 200, 0.5]],
  refused: [[260, 900, 0.7]],
};

/** Milliseconds of shaking and of rest, by turns. @type {Record<Outcome, number[]>} */
const SHAKES = { recorded: [60], again: [30], elsewhere: [120, 80, 120, 80, 120], ambiguous: [120], refused: [800] };

/** @type {AudioContext | null} */
let audio = null;

/** Sound is allowed only from a hand's touch on: call it from one. */
export function unlock() {
  audio ??= new AudioContext();
  void audio.resume();
}

/** @param {Outcome} outcome */
export function signal(outcome) {
  navigator.vibrate?.(SHAKES[outcome]);
  if (!audio || audio.state !== "running") return;
  let at = audio.currentTime;
  for (const [hertz, ms, loudness] of TONES[outcome]) {
    if (hertz) {
      const tone = audio.createOscillator();
      const level = audio.createGain();
      tone.frequency.value = hertz;
      tone.type = "square";
      level.gain.value = loudness * 0.3;
      tone.connect(level).connect(audio.destination);
      tone.start(at);
      tone.stop(at + ms / 1000);
    }
    at += ms / 1000;
  }
}
