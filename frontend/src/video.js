/** Video (MPEG-2, H.264, H.265), played by the browser where it can. */
import { number, text } from './attributes.js';
import { instanceUrl } from './dicomweb.js';
import { element } from './dom.js';

const VIDEO = /^1\.2\.840\.10008\.1\.2\.4\.10[0-8](\.1)?$/; // PS3.6 Annex A

export const isVideo = (instance) => VIDEO.test(text(instance, '00083002'));

export function videoNode(series, instance) {
  const address = `${instanceUrl(series.study.uid, series.uid, text(instance, '00080018'))}/rendered`;
  const video = element('video', { controls: true, preload: 'metadata', src: address, ariaLabel: 'Video' });
  const node = element('div', { className: 'fill' }, video);
  video.addEventListener('error', async () => {
    const words = element('p', { textContent: await explain(address, instance) });
    node.replaceChildren(words);
  });
  return node;
}

/** Why it does not play: the server's reason, or what the video is in. */
async function explain(address, instance) {
  const answer = await fetch(address, { headers: { Range: 'bytes=0-0' } }).catch(() => undefined);
  if (!answer) return 'The server did not answer. Check the network.';
  if (!answer.ok) return answer.json().then(({ error }) => error, () => `The server answered with HTTP ${answer.status}.`);
  const type = answer.headers.get('Content-Type');
  const frames = number(instance, '00280008');
  return `This browser does not play the video (${type}${frames ? `, ${frames} frames` : ''}). Save the file to play it elsewhere.`;
}
