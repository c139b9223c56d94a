// The camera: frames to the reader's worker, one at a time, and the lamp and lens where the phone offers them.

const WANTED = { facingMode: { ideal: "environment" }, width: { ideal: 1280 }, height: { ideal: 720 } };
const LONGEST_SIDE = 1280;

export class Camera {
  /**
   * @param {HTMLVideoElement} video
   * @param {(reads: import("./sight.js").Read[], ms: number, size: {width: number, height: number}) => void} saw called for each frame read
   * @param {() => void} lost called when the phone takes the camera away
   * @param {() => string[]} symbologies asked for each frame
   */
  constructor(video, saw, lost, symbologies) {
    this.video = video;
    this._saw = saw;
    this._lost = lost;
    this._symbologies = symbologies;
    /** @type {MediaStream | null} */
    this._stream = null;
    this._canvas = document.createElement("canvas");
    this._paper = this._canvas.getContext("2d", { willReadFrequently: true });
    this._worker = new Worker("/courier/decoder.js", { type: "module" });
    this._worker.onmessage = ({ data }) => {
      this._saw(data.reads, data.ms, this._canvas);
      this._next();
    };
  }

  /** Opens it. Rejects as getUserMedia does: NotAllowedError, NotFoundError, NotReadableError. */
  async start() {
    this.stop();
    this._stream = await navigator.mediaDevices.getUserMedia({ video: WANTED, audio: false });
    for (const track of this._stream.getVideoTracks()) track.addEventListener("ended", this._lost);
    this.video.srcObject = this._stream;
    await this.video.play();
    this._next();
  }

  stop() {
    this._stream?.getTracks().forEach((track) => track.stop());
    this._stream = null;
    this.video.srcObject = null;
  }

  get isOn() {
    return this._stream !== null;
  }

  /** The next picture that comes, to the worker. */
  _next() {
    if (!this._stream) return;
    const video = this.video;
    const look = () => {
      if (!this._stream || !video.videoWidth) return void setTimeout(() => this._next(), 100);
      const scale = Math.min(1, LONGEST_SIDE / Math.max(video.videoWidth, video.videoHeight));
      this._canvas.width = Math.round(video.videoWidth * scale);
      this._canvas.height = Math.round(video.videoHeight * scale);
      this._paper?.drawImage(video, 0, 0, this._canvas.width, this._canvas.height);
      const image = this._paper?.getImageData(0, 0, this._canvas.width, this._canvas.height);
      if (image) this._worker.postMessage({ image, symbologies: this._symbologies() }, [image.data.buffer]);
    };
    if ("requestVideoFrameCallback" in video) video.requestVideoFrameCallback(look);
    else requestAnimationFrame(look);
  }

  /** What is in view, as a JPEG. @returns {Promise<Blob | null>} */
  picture() {
    if (!this._stream || !this._canvas.width) return Promise.resolve(null);
    return new Promise((resolve) => this._canvas.toBlob(resolve, "image/jpeg", 0.8));
  }

  _track() {
    return this._stream?.getVideoTracks()[0];
  }

  /** What this camera can do besides: `torch`, and `zoom` with its range. @returns {any} */
  get abilities() {
    const able = /** @type {any} */ (this._track()?.getCapabilities?.() ?? {});
    return { torch: Boolean(able.torch), zoom: able.zoom && able.zoom.max > able.zoom.min ? able.zoom : null };
  }

  /** @param {Record<string, unknown>} setting */
  async set(setting) {
    await this._track()?.applyConstraints(/** @type {any} */ ({ advanced: [setting] })).catch(() => undefined);
  }
}
