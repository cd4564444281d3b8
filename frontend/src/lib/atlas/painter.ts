/**
 * Draws hundreds of thousands of points with WebGL 2, on demand. Libraries for this generate code at
 * run time, which our Content-Security-Policy rightly refuses.
 */
import type { Camera, Size } from "./camera";
import type { Chart } from "./chart";
import { channels } from "./palette";

/** What is said of a point: it does not pass the filters, it does, or it is singled out. */
export const FAINT = 0;
export const PLAIN = 1;
export const STRONG = 2;
const SLOTS = 64;

const VERTEX = `#version 300 es
in float x; in float y; in float code; in float state;
uniform vec2 unit; uniform vec2 low; uniform vec2 centre; uniform vec2 reach;
uniform float size; uniform float density; uniform bool singled; uniform vec4 palette[${SLOTS}];
out vec4 tint;
void main() {
  vec2 at = (vec2(x, y) * unit + low - centre) * reach;
  vec4 colour = palette[int(code)];
  bool gone = x > 65534.5 || colour.a == 0.0;
  gl_Position = gone ? vec4(2.0, 2.0, 0.0, 1.0) : vec4(at, state > 1.5 ? -0.5 : 0.0, 1.0);
  gl_PointSize = state > 1.5 ? size * 1.6 + 1.0 : size;
  float faint = state < 0.5 ? 0.1 : (singled && state < 1.5 ? 0.28 : 1.0);
  tint = vec4(colour.rgb, faint * (state > 1.5 ? 1.0 : density));
}`;
const FRAGMENT = `#version 300 es
precision mediump float;
in vec4 tint; out vec4 colour;
void main() {
  float edge = 1.0 - smoothstep(0.38, 0.5, length(gl_PointCoord - 0.5));
  if (edge <= 0.0) discard;
  colour = vec4(tint.rgb, 1.0) * tint.a * edge;
}`;

export class Painter {
  readonly #gl: WebGL2RenderingContext;
  readonly #program: WebGLProgram;
  readonly #buffers = new Map<string, WebGLBuffer>();
  #chart: Chart | null = null;

  private constructor(gl: WebGL2RenderingContext) {
    this.#gl = gl;
    this.#program = linked(gl);
    gl.useProgram(this.#program);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    // Singled out ones come on top, whatever their number.
    gl.enable(gl.DEPTH_TEST);
    gl.depthFunc(gl.LEQUAL);
    gl.clearColor(0, 0, 0, 0);
  }

  /** A painter on `canvas`; null where there is no WebGL 2. */
  static on(canvas: HTMLCanvasElement): Painter | null {
    const gl = canvas.getContext("webgl2", { antialias: false, premultipliedAlpha: true });
    return gl && new Painter(gl);
  }

  /** Shows these points, all of one colour until told otherwise. */
  take(chart: Chart): void {
    this.#chart = chart;
    const short = this.#gl.UNSIGNED_SHORT;
    this.#fill("x", chart.xs, short);
    this.#fill("y", chart.ys, short);
    this.colour(new Uint8Array(chart.count));
    this.state(new Uint8Array(chart.count).fill(PLAIN));
  }

  /** The place of each point's colour in the palette. */
  colour(codes: Uint8Array): void {
    this.#fill("code", codes, this.#gl.UNSIGNED_BYTE);
  }

  /** FAINT, PLAIN or STRONG for each point. */
  state(states: Uint8Array): void {
    this.#fill("state", states, this.#gl.UNSIGNED_BYTE);
  }

  /** Colours as `#rrggbb`; null leaves the points of that colour out. */
  palette(colours: readonly (string | null)[]): void {
    const flat = new Float32Array(4 * SLOTS);
    colours.slice(0, SLOTS).forEach((colour, slot) => {
      if (colour) flat.set([...channels(colour).map((value) => value / 255), 1], 4 * slot);
    });
    this.#gl.uniform4fv(this.#gl.getUniformLocation(this.#program, "palette"), flat);
  }

  /** Draws; `singled` lets all but the strong ones step back. */
  draw(camera: Camera, { width, height }: Size, ratio: number, near: number, singled: boolean) {
    const gl = this.#gl;
    const chart = this.#chart;
    if (!chart) return;
    gl.viewport(0, 0, gl.drawingBufferWidth, gl.drawingBufferHeight);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    const two = (name: string, a: number, b: number) =>
      gl.uniform2f(gl.getUniformLocation(this.#program, name), a, b);
    two("unit", ...chart.unit);
    two("low", chart.bounds[0], chart.bounds[1]);
    two("centre", camera.x, camera.y);
    two("reach", (2 * camera.scale) / width, (2 * camera.scale) / height);
    const { size, density } = look(chart.count, near);
    gl.uniform1f(gl.getUniformLocation(this.#program, "size"), size * ratio);
    gl.uniform1f(gl.getUniformLocation(this.#program, "density"), density);
    gl.uniform1i(gl.getUniformLocation(this.#program, "singled"), singled ? 1 : 0);
    gl.drawArrays(gl.POINTS, 0, chart.count);
  }

  #fill(name: string, data: Uint8Array | Uint16Array, type: number): void {
    const gl = this.#gl;
    const slot = gl.getAttribLocation(this.#program, name);
    let buffer = this.#buffers.get(name);
    if (!buffer) this.#buffers.set(name, (buffer = gl.createBuffer()));
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.bufferData(gl.ARRAY_BUFFER, data, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(slot);
    gl.vertexAttribPointer(slot, 1, type, false, 0, 0);
  }
}

/** Points are small and translucent when many are seen from afar, so that density shows. */
export function look(count: number, near: number): { size: number; density: number } {
  const crowd = Math.sqrt(count / 2000) / Math.sqrt(near);
  return {
    size: Math.min(9, Math.max(2, 7 / Math.max(1, crowd ** 0.5))),
    density: Math.min(0.92, Math.max(0.35, 1.4 / Math.max(1, crowd ** 0.6))),
  };
}

function linked(gl: WebGL2RenderingContext): WebGLProgram {
  const program = gl.createProgram();
  for (const [kind, source] of [
    [gl.VERTEX_SHADER, VERTEX],
    [gl.FRAGMENT_SHADER, FRAGMENT],
  ] as const) {
    const shader = gl.createShader(kind);
    if (!shader) throw new Error("no shader");
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS))
    throw new Error(gl.getProgramInfoLog(program) ?? "the points cannot be drawn");
  return program;
}
