/** Entry of the viewer page. */
import { eventTarget, cache, Enums } from '@cornerstonejs/core';

import { makeActions } from './actions.js';
import { patientName, readableName, text } from './attributes.js';
import { isCpuRendering, startCornerstone } from './cornerstone.js';
import { loadSeriesList } from './displaysets.js';
import { listenToKeys } from './keyboard.js';
import { button, Cover, Messages, reloadButton, signInLink } from './messages.js';
import { Panels } from './panels.js';
import { preparePrinting } from './print.js';
import { Rail } from './rail.js';
import { explainFailure } from './reasons.js';
import { Session } from './session.js';
import { Tags } from './tags.js';
import { Toolbar } from './toolbar.js';
import { Tools } from './tools.js';
import { Viewer } from './viewer.js';
import './viewer.css';

const find = (selector) => document.querySelector(selector);
const patient = { name: find('#patient-name'), id: find('#patient-id') };
const study = { uid: document.body.dataset.studyInstanceUid };
const messages = new Messages(find('#notice'));
const opening = new Cover(find('#opening'));

patient.name.textContent = readableName(patient.name.textContent);
start().catch((error) => {
  giveUp('The viewer could not start', error.message, [reloadButton()]);
  throw error;
});

async function start() {
  const list = loadSeriesList(study); // on its way while the libraries start
  list.catch(() => {}); // told below, where it is awaited
  startCornerstone((status) => status === 401 && messages.sessionEnded());
  if (isCpuRendering()) {
    messages.notice('No WebGL: this browser draws images on the processor, which is slower.');
  }
  const viewer = new Viewer(find('#viewport'), study);
  connect(viewer);
  await openStudy(viewer, list);
}

/** Toolbar, keys and mouse of the viewer, and what the page shows of its state. */
function connect(viewer) {
  const help = find('#shortcuts');
  const tools = new Tools(viewer, find('#grid'));
  const panels = new Panels(find('#side'));
  const context = { viewer, tools, panels, messages, root: document.body, help };
  const actions = makeActions(context);
  const toolbar = new Toolbar(find('#toolbar'), actions);
  listenToKeys(actions, help);
  new Tags(find('#panel-tags'), context);
  preparePrinting(viewer, find('#print'));
  new Session(messages).ask();
  tools.addEventListener('chosen', ({ detail }) => toolbar.markTool(detail));
  const showActive = () => {
    const { stack, cine } = viewer.active;
    toolbar.markCine(cine);
    toolbar.update(stack);
  };
  for (const type of ['active', 'cine', 'view', 'state']) viewer.addEventListener(type, showActive);
  showPatientOf(viewer);
  const startsWithFinger = matchMedia('(pointer: coarse)').matches;
  actions.tool(startsWithFinger ? 'Scroll' : 'WindowLevel');

  eventTarget.addEventListener(Enums.Events.WEBGL_CONTEXT_LOST, () => viewer.onContextLost());
  addEventListener('pagehide', () => {
    viewer.closeAll();
    cache.purgeCache();
  });
  // A page taken back from the history has no pixels, and its session may have ended.
  addEventListener('pageshow', (event) => event.persisted && location.reload());
}

/** The bar names the patient of what the active pane shows, whoever the page was opened for. */
function showPatientOf(viewer) {
  const named = new Map(); // pane → header of its instance
  const show = () => {
    const instance = named.get(viewer.active);
    if (!instance) return;
    patient.name.textContent = patientName(instance);
    patient.id.textContent = text(instance, '00100020');
  };
  viewer.addEventListener('instance', ({ detail }) => {
    named.set(detail.pane, detail.value);
    show();
  });
  viewer.addEventListener('active', show);
}

async function openStudy(viewer, list) {
  try {
    viewer.seriesList = await list;
  } catch (error) {
    const again = error.status === 401 ? signInLink() : button('Try again', () => location.reload());
    giveUp('This study cannot be loaded', explainFailure(error), [again]);
    return;
  }
  const rail = new Rail(find('#series'), viewer.seriesList, (series) => viewer.open(series));
  const mark = () => rail.mark(viewer.active.series);
  viewer.addEventListener('series', mark);
  viewer.addEventListener('active', mark);
  viewer.addEventListener('view', () => rail.loadThumbnails(), { once: true });
  opening.hide();
  // The study page links to a series by its UID behind the #.
  const linked = viewer.seriesList.find(({ uid }) => uid === location.hash.slice(1));
  await (linked ? viewer.open(linked) : viewer.openFirst());
  rail.loadThumbnails();
}

function giveUp(...message) {
  opening.show(...message);
  find('#viewport').dataset.state = 'error';
}
