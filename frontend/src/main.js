/** Entry of the viewer page. */
import { eventTarget, cache, Enums } from '@cornerstonejs/core';

import { makeActions } from './actions.js';
import { announceImages } from './announce.js';
import { patientName, readableName, text } from './attributes.js';
import { Beside } from './beside.js';
import { isCpuRendering, startCornerstone } from './cornerstone.js';
import { loadSeriesList } from './displaysets.js';
import { connectDocuments } from './documents.js';
import { enableDrag } from './drag.js';
import { guardIdentity, identityOfPage } from './identity.js';
import { listenToKeys } from './keyboard.js';
import { Layers } from './layers.js';
import { Linking } from './linking.js';
import { Layout, numberGrids } from './layout.js';
import { KeptWork } from './kept_work.js';
import { KeyImages } from './key_images.js';
import { askBy, MeasurementPanel } from './measurement_panel.js';
import { Measurements } from './measurements.js';
import { button, Cover, Messages, reloadButton, signInLink } from './messages.js';
import { Mpr, overPlanes } from './mpr.js';
import { OverlaysPanel } from './overlays_panel.js';
import { Panels } from './panels.js';
import { PlaneLayers } from './plane_layers.js';
import { endPreviewWith } from './preview.js';
import { preparePrinting } from './print.js';
import { Rail } from './rail.js';
import { readOutUnderPointer } from './readout.js';
import { explainFailure } from './reasons.js';
import { ReportPanel } from './report.js';
import { drawPaneScale } from './scale.js';
import { SecondWindow } from './second.js';
import { Session } from './session.js';
import { Tags } from './tags.js';
import { Toolbar } from './toolbar.js';
import { Tools } from './tools.js';
import { Viewer } from './viewer.js';
import './viewer.css';

const find = (selector) => document.querySelector(selector);
const patient = { name: find('#patient-name'), id: find('#patient-id') };
const { studyInstanceUid, user } = document.body.dataset;
const study = { uid: studyInstanceUid };
const messages = new Messages(find('#notice'), find('#session'));
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
  const { layout } = connect(viewer);
  endPreviewWith(viewer);
  readOutUnderPointer(viewer, find('#grid'));
  await openStudy(viewer, layout, list);
}

/** Toolbar, keys and mouse of the viewer, and what the page shows of its state. */
function connect(viewer) {
  const help = find('#shortcuts');
  const askText = askBy(find('#ask'));
  const tools = new Tools(viewer, find('#grid'), askText);
  const panels = new Panels(find('#side'));
  const linking = new Linking(viewer);
  const kept = keepWork(viewer, askText);
  const layers = new Layers(viewer);
  const mpr = new Mpr(viewer, messages, find('#viewport'), new PlaneLayers(layers, kept.measurements));
  const layout = new Layout({ viewer, messages });
  const identity = identityOfPage(document.body.dataset);
  const second = new SecondWindow(identity, find('#pair-warning'), messages);
  new Beside(viewer, linking, second);
  const context = {
    viewer, tools, panels, messages, linking, mpr, layout, second, root: document.body, help, ...kept,
  };
  const actions = overPlanes(mpr, makeActions(context));
  const toolbar = new Toolbar(find('#toolbar'), actions);
  listenToKeys(actions, help);
  new ReportPanel(find('#panel-report'), study, identity, panels);
  new Tags(find('#panel-tags'), context);
  preparePrinting({ viewer, messages }, mpr, find('#print'));
  new Session(messages).ask();
  tools.addEventListener('chosen', ({ detail }) => toolbar.markTool(detail));
  mpr.addEventListener('chosen', ({ detail }) => toolbar.markTool(detail));
  mpr.addEventListener('change', () => {
    toolbar.markMpr(mpr);
    if (!mpr.isOpen) toolbar.markTool(tools.chosen);
  });
  linking.addEventListener('linking', () => toolbar.markLinks(linking.on));
  toolbar.markLinks(linking.on);
  const showActive = () => {
    const { stack, cine } = viewer.active;
    toolbar.markCine(cine);
    toolbar.update(stack);
    toolbar.markMpr(mpr);
  };
  for (const type of ['active', 'cine', 'view', 'state']) viewer.addEventListener(type, showActive);
  viewer.addEventListener('view', ({ detail }) => drawPaneScale(detail.pane));
  showPatientOf(viewer);
  connectDocuments(context);
  new OverlaysPanel(find('#panel-overlays'), layers, context);
  guardIdentity(viewer, identity);
  announceImages(viewer, find('#announced'));
  numberGrids(find('#menu-grid'));
  document.addEventListener('second-window', ({ detail }) => second.open(detail));
  const startsWithFinger = matchMedia('(pointer: coarse)').matches;
  actions.tool(startsWithFinger ? 'Scroll' : 'WindowLevel');

  eventTarget.addEventListener(Enums.Events.WEBGL_CONTEXT_LOST, () => {
    mpr.onContextLost();
    viewer.onContextLost();
  });
  addEventListener('pagehide', () => {
    viewer.closeAll();
    cache.purgeCache();
  });
  // A page taken back from the history has no pixels, and its session may have ended.
  addEventListener('pageshow', (event) => event.persisted && location.reload());
  return context;
}

/** Measurements and key images; those that are kept already come after the first picture. */
function keepWork(viewer, askText) {
  const [measurements, keyImages] = [new Measurements(viewer), new KeyImages(viewer)];
  const work = new KeptWork(study.uid, user, measurements, keyImages, messages);
  new MeasurementPanel(find('#panel-measurements'), work, viewer, { askText, saveButton: find('#save-work') });
  viewer.addEventListener('view', ({ detail }) => work.load(detail.pane.series.study.uid));
  return { measurements, keyImages, work };
}

/** The bar names the patient of what the active pane shows; while that is nothing, the page's. */
function showPatientOf(viewer) {
  const named = new WeakMap(); // pane → header of its instance
  const page = [patient.name.textContent, patient.id.textContent];
  const show = () => {
    const instance = named.get(viewer.active);
    const words = instance ? [patientName(instance), text(instance, '00100020')] : page;
    [patient.name.textContent, patient.id.textContent] = words;
  };
  viewer.addEventListener('series', ({ detail }) => {
    named.delete(detail.pane);
    show();
  });
  viewer.addEventListener('instance', ({ detail }) => {
    named.set(detail.pane, detail.value);
    show();
  });
  viewer.addEventListener('active', show);
}

async function openStudy(viewer, layout, list) {
  try {
    viewer.seriesList = await list;
  } catch (error) {
    const again = error.status === 401 ? signInLink() : button('Try again', () => location.reload());
    giveUp('This study cannot be loaded', explainFailure(error), [again]);
    return;
  }
  const rail = connectRail(viewer);
  opening.hide();
  await layout.open(rail, askedFor(viewer));
  rail.loadThumbnails();
}

function connectRail(viewer) {
  const rail = new Rail((series, isNext) => {
    if (isNext && viewer.panes.length === 1) viewer.setGrid(1, 2);
    if (isNext) viewer.activateNeighbour(1);
    viewer.open(series);
  });
  rail.list(find('#series'), viewer.seriesList);
  for (const type of ['series', 'active', 'grid']) viewer.addEventListener(type, () => rail.mark(viewer));
  viewer.addEventListener('view', () => rail.loadThumbnails(), { once: true });
  enableDrag(find('nav'), (tile, pane) => viewer.open(rail.seriesOf(tile), viewer.paneOf(pane)));
  return rail;
}

/** The series that the address names. */
function askedFor({ seriesList }) {
  const named = location.hash.slice(1) || new URLSearchParams(location.search).get('series');
  return seriesList.find(({ uid }) => uid === named);
}

function giveUp(...message) {
  find('#preview')?.remove();
  opening.show(...message);
  find('#viewport').dataset.state = 'error';
}
