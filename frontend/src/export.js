/** Saves what a pane shows: one picture, or all of its images as a video. */
import { tellAct } from './acts.js';
import { text, value } from './attributes.js';
import { capture, captureAll, painted } from './capture.js';
import { instanceUrl } from './dicomweb.js';
import { button, link } from './messages.js';

const VIDEO_TYPES = ['video/webm;codecs=vp9', 'video/webm;codecs=vp8', 'video/webm'];
const BITS_PER_SECOND = 8_000_000;
const PATIENCE_MS = 15_000; // for one image to arrive
const NATURE = 'for showing, not for diagnosis';

/** @param context `{ viewer, messages }` */
export function exportActions({ viewer, messages }) {
  let isRecording = false;
  return {
    savePicture: (kind) => savePicture(viewer.active, messages, kind !== 'anonymous'),
    saveVideo: async (kind) => {
      if (isRecording) return;
      isRecording = true;
      await saveVideo(viewer.active, messages, kind !== 'anonymous').finally(() => (isRecording = false));
    },
    saveGif: () => saveGif(viewer.active, messages),
  };
}

async function savePicture(pane, messages, withPatient) {
  await painted();
  if (!isShown(pane, messages)) return;
  const name = `${nameOf(pane)}-image-${pane.stack.shown + 1}.png`;
  const { frame } = pane;
  const canvas = await capture(pane, { withPatient }); // takes at once what is named here
  await saveCanvas(canvas, name, frame, messages, withPatient);
}

/** The planes of a reconstruction as they stand on the page, in one picture.
 *
 * @param planes `{ root, views, frame }`: the element that holds them, with what warns of them; a frame
 */
export async function savePlanes({ root, views, frame }, messages, withPatient) {
  await painted();
  const canvas = await captureAll(root, views.map(({ box, viewport }) => ({ element: box, viewport })), { withPatient });
  await saveCanvas(canvas, `${nameOf(frame)}-planes.png`, frame, messages, withPatient);
}

/** Nothing is saved of which the server has not noted that it is. */
async function saveCanvas(canvas, name, { series, instance }, messages, withPatient) {
  const picture = await new Promise((done) => canvas.toBlob(done, 'image/png'));
  try {
    await tellAct(series.study.uid, 'picture');
  } catch {
    messages.notice('The picture was not saved: the portal could not note that it is. Try again.');
    return;
  }
  save(picture, name);
  messages.notice(`${name} was saved: the screen in 8 bits, ${NATURE}.${warning(instance, withPatient)}`);
}

/** The frames of one object as the server draws them; a stack of single images has no such thing. */
function saveGif(pane, messages) {
  if (!isShown(pane, messages)) return;
  const { frame } = pane;
  if (frame.frameCount < 2) {
    messages.notice('GIF is made of an object with several frames; save this series as a video.');
    return;
  }
  const uid = text(frame.instance, '00080018');
  const address = `${instanceUrl(pane.series.study.uid, pane.series.uid, uid)}/rendered?accept=image/gif`;
  link('', address, { download: `${nameOf(pane)}.gif` }).click();
  messages.notice(`The server draws the GIF: 256 colours, without measurements, ${NATURE}.${warning(frame.instance)}`);
}

async function saveVideo(pane, messages, withPatient) {
  if (!isShown(pane, messages)) return;
  const type = VIDEO_TYPES.find((name) => globalThis.MediaRecorder?.isTypeSupported(name));
  if (!type) {
    messages.notice('This browser cannot record a video.');
    return;
  }
  if (pane.stack.frames.length < 2) {
    messages.notice('A single image makes no video; save it as a picture.');
    return;
  }
  const [name, { instance }, { uid }] = [`${nameOf(pane)}.webm`, pane.frame, pane.series.study];
  const stop = new AbortController();
  messages.notice('The video is being recorded, at the speed at which it will play.', [
    button('Stop', () => stop.abort()),
  ]);
  try {
    const video = await record(pane, withPatient, type, stop.signal);
    await tellAct(uid, 'video').catch(() => {
      throw new Error('the portal could not note that it is. Try again.');
    });
    save(video, name);
    const nature = `lossy compressed, ${NATURE}`;
    messages.notice(`${name} was saved: the screen as WebM, ${nature}.${warning(instance, withPatient)}`);
  } catch (error) {
    messages.notice(`No video was saved: ${error.message}`);
  }
}

/** Each image of the stack once, at the speed of the cine; then back to the one that was shown. */
async function record(pane, withPatient, type, signal) {
  const { stack } = pane;
  const [{ frames }, start] = [stack, stack.shown];
  pane.cine.stop();
  const canvas = await capture(pane, { withPatient });
  const stream = canvas.captureStream(0);
  const [track] = stream.getVideoTracks();
  const recorder = new MediaRecorder(stream, { mimeType: type, videoBitsPerSecond: BITS_PER_SECOND });
  const pieces = [];
  recorder.addEventListener('dataavailable', ({ data }) => pieces.push(data));
  recorder.start();
  try {
    for (let index = 0; index < frames.length; index += 1) {
      const pause = sleep(1000 / pane.cine.rate);
      await showFrame(pane, frames, index, signal);
      await capture(pane, { withPatient, onto: canvas });
      track.requestFrame();
      await pause;
    }
  } finally {
    const stopped = new Promise((done) => recorder.addEventListener('stop', done, { once: true }));
    recorder.stop();
    await stopped;
    track.stop();
    if (stack.frames === frames) stack.goTo(start);
  }
  return new Blob(pieces, { type });
}

async function showFrame(pane, frames, index, signal) {
  const deadline = Date.now() + PATIENCE_MS;
  pane.stack.goTo(index);
  while (pane.stack.shown !== index) {
    if (signal.aborted) throw new Error('it was stopped.');
    if (pane.stack.frames !== frames) throw new Error('another series was opened.');
    if (pane.element.dataset.state === 'error') throw new Error(`image ${index + 1} cannot be shown.`);
    if (Date.now() > deadline) throw new Error(`image ${index + 1} did not arrive.`);
    await sleep(10);
  }
  await painted();
  if (pane.stack.shown !== index) throw new Error('the images were scrolled meanwhile.');
  if (signal.aborted) throw new Error('it was stopped.');
}

const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

function isShown({ element }, messages) {
  const isUnread = element.querySelector('.mismatch:not(.seen)');
  if (element.dataset.state === 'shown' && !isUnread) return true;
  messages.notice(isUnread ? 'Read first whose images these are.' : 'There is no picture to save yet.');
  return false;
}

/** Says what it is of, and not whose it is. */
function nameOf({ series }) {
  return [series.modality, 'series', series.number ?? ''].filter((part) => part !== '').join('-');
}

/** What is burned into the pixels no choice of this page leaves out (PS3.3 C.7.6.1.1.5). */
function warning(instance, withPatient = false) {
  if (withPatient || value(instance, '00280301') === 'NO') return '';
  return ' Look at it before it leaves the house: its pixels may hold words.';
}

function save(blob, name) {
  const address = URL.createObjectURL(blob);
  link('', address, { download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
