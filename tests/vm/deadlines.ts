/**
 * How long scenarios wait: four times what it takes on two processors where nothing runs but the set itself, which in the full
 * set is a second scenario. Figures of the scenarios named here show it; where none is named, the value is an estimate.
 */
const timesQuiet = 4;

const quietSeconds = {
  /** From a snapshot's memory to an answer (`restoring the snapshot` of every scenario that begins with one). */
  restored: 15,
  /** What firmware or boot loader say of what they are to start: 15 for five machines of `refusals`. */
  firmwareSays: 30,
  /** From power-on to the portal, or to what a system that is up says: 57 alone, 86 to 113 beside another scenario (`claimed`). */
  start: 90,
  /** The same after two starts that fail: 164 to 182 alone, 257 beside another (`rollback`), and 10 each for what the screen says. */
  startAfterTwoFailed: 280,
  /** From power-on until a daemon that hangs is given up, by the limit of the overlay `hangs`: 90 from the first step of the system on. */
  startThatHangs: 200,
  /** From power-on with the stick to whatever comes of it: 70 alone, 220 beside another (`installer`). */
  stick: 220,
  /** All of /usr read and hashed, twice. */
  usrRead: 225,
  /** What a running device does when it is asked to, or by itself after the half minute of probation (`probation`). */
  step: 45,
  /** A line on the screen once the one before it is there. */
  line: 15,
  /** From reset to silence. */
  gone: 15,
  /** From the power button, or the installer's end, to off (`power button to off` of `claimed`). */
  off: 60,
} as const;

export type Awaited = keyof typeof quietSeconds;

export const deadlineMs = (what: Awaited): number => quietSeconds[what] * timesQuiet * 1000;
