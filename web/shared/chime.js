// Short sounds made of sine tones, so that no sound file has to be loaded. Browsers keep silent until the page was
// touched once; then these calls simply do nothing.

/** @type {AudioContext | null} */
let context = null;

/**
 * A chime comes from the server, not from a finger, and Safari lets only a finger start the sound: so every touch and
 * key makes sure that it is running. A phone that was locked meanwhile interrupts it again, therefore not the first one
 * alone.
 */
export function keepSoundReady() {
  const wake = () => {
    try {
      context ??= new AudioContext();
      if (context.state !== 'running') context.resume().catch(() => {});
    } catch { /* a page without sound is still a page */ }
  };
  for (const kind of ['pointerup', 'keydown']) window.addEventListener(kind, wake, { capture: true, passive: true });
}

/**
 * @param {AudioContext} context @param {number} start
 * @param {number} frequency @param {number} seconds @param {number} level
 */
function tone(context, start, frequency, seconds, level) {
  const oscillator = context.createOscillator();
  const gain = context.createGain();
  oscillator.frequency.value = frequency;
  gain.gain.setValueAtTime(0, start);
  gain.gain.linearRampToValueAtTime(level, start + 0.012);
  gain.gain.exponentialRampToValueAtTime(0.0008, start + seconds);
  oscillator.connect(gain).connect(context.destination);
  oscillator.start(start);
  oscillator.stop(start + seconds + 0.05);
}

/** @param {[offset: number, frequency: number, seconds: number, level: number][]} tones */
function play(tones) {
  try {
    context ??= new AudioContext();
    if (context.state !== 'running') context.resume().catch(() => {});
    const now = context.currentTime + 0.02;
    for (const [offset, frequency, seconds, level] of tones) tone(context, now + offset, frequency, seconds, level);
  } catch { /* a page without sound is still a page */ }
}

/** Two rising bell tones: paid. */
export function chimePaid() {
  play([[0, 1046.5, 0.5, 0.16], [0.11, 1568, 0.9, 0.16], [0.11, 3136, 0.4, 0.03]]);
}

/** Two low equal tones: not paid. */
export function chimeRefused() {
  play([[0, 220, 0.22, 0.2], [0.26, 208, 0.34, 0.2]]);
}
