/** The whole screen for the images. */

export const fullscreenActions = ({ messages }) => ({
  async fullScreen() {
    try {
      if (document.fullscreenElement) await document.exitFullscreen();
      else await document.documentElement.requestFullscreen();
    } catch {
      messages.notice('This browser does not give the page the whole screen.');
    }
  },
});
