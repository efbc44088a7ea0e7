/** Entry of the viewer page. */
import { eventTarget, cache, Enums } from '@cornerstonejs/core';

import { makeActions } from './actions.js';
import { patientName, readableName, text } from './attributes.js';
import { isCpuRendering, startCornerstone } from './cornerstone.js';
import { loadSeriesList } from './displaysets.js';
import { listenToKeys } from './keyboard.js';
import { button, Messages, reloadButton, signInLink } from './messages.js';
import { Rail } from './rail.js';
import { explainFailure } from './reasons.js';
import { Toolbar } from './toolbar.js';
import { Tools } from './tools.js';
import { Viewer } from './viewer.js';
import './viewer.css';

const find = (selector) => document.querySelector(selector);
const patient = { name: find('#patient-name'), id: find('#patient-id') };
const messages = new Messages(document.body);

patient.name.textContent = readableName(patient.name.textContent);
start().catch((error) => {
  messages.cover('The viewer could not start', error.message, [reloadButton()]);
  find('#viewport').dataset.state = 'error';
  throw error;
});

async function start() {
  const list = loadSeriesList(); // on its way while the libraries start
  list.catch(() => {}); // told below, where it is awaited
  startCornerstone((status) => status === 401 && messages.sessionEnded());
  if (isCpuRendering()) {
    messages.notice('No WebGL: this browser draws images on the processor, which is slower.');
  }
  const viewer = new Viewer(find('#viewport'), messages);
  connect(viewer);
  await openStudy(viewer, list);
}

/** Toolbar, keys and mouse of the viewer, and what the page shows of its state. */
function connect(viewer) {
  const { stack, cine } = viewer;
  const help = find('#shortcuts');
  const tools = new Tools(stack, find('#picture'));
  const actions = makeActions({ viewer, stack, tools, cine, root: document.body, help });
  const toolbar = new Toolbar(find('#toolbar'), actions);
  listenToKeys(actions, help);
  tools.addEventListener('chosen', ({ detail }) => toolbar.markTool(detail));
  viewer.addEventListener('cine', () => toolbar.markCine(cine));
  viewer.addEventListener('view', () => toolbar.update(stack));
  viewer.addEventListener('instance', ({ detail }) => showPatient(detail));
  const startsWithFinger = matchMedia('(pointer: coarse)').matches;
  actions.tool(startsWithFinger ? 'Scroll' : 'WindowLevel');

  eventTarget.addEventListener(Enums.Events.WEBGL_CONTEXT_LOST, () => viewer.onContextLost());
  addEventListener('pagehide', () => {
    stack.close();
    cache.purgeCache();
  });
  // A page taken back from the history has no pixels, and its session may have ended.
  addEventListener('pageshow', (event) => event.persisted && location.reload());
}

/** The bar names the patient of what is on the screen, whoever the page was opened for. */
function showPatient(instance) {
  patient.name.textContent = patientName(instance);
  patient.id.textContent = text(instance, '00100020');
}

async function openStudy(viewer, list) {
  try {
    viewer.seriesList = await list;
  } catch (error) {
    const again = error.status === 401 ? signInLink() : button('Try again', () => location.reload());
    find('#viewport').dataset.state = 'error';
    messages.cover('This study cannot be loaded', explainFailure(error), [again]);
    return;
  }
  const rail = new Rail(find('#series'), viewer.seriesList, (series) => viewer.open(series));
  viewer.addEventListener('series', () => rail.mark(viewer.series));
  viewer.addEventListener('view', () => rail.loadThumbnails(), { once: true });
  // The study page links to a series by its UID behind the #.
  const linked = viewer.seriesList.find(({ uid }) => uid === location.hash.slice(1));
  await (linked ? viewer.open(linked) : viewer.openFirst());
  rail.loadThumbnails();
}
