/** What the status page shows, asked for again every 2 seconds while something runs, else every 30. */
import { ApiProblem, fetchVersions } from "../client";
import { versions } from "../shared.svelte";
import {
  type Coverage,
  fetchCoverage,
  fetchHosts,
  fetchJobs,
  fetchStatus,
  type Hosts,
  type Job,
  type Jobs,
  type JobState,
  type Status,
} from "./api";
import { Rates } from "./rates";

export const BUSY = 2;
export const CALM = 30;
/** The tables of all images are costly to count. */
const TABLES = 10_000;
const PAGE = 20;

export class Board {
  status = $state.raw<Status | null>(null);
  jobs = $state.raw<Jobs | null>(null);
  hosts = $state.raw<Hosts | null>(null);
  coverage = $state.raw<Coverage | null>(null);
  problem = $state.raw<ApiProblem | null>(null);
  /** Of the running jobs, things a second. */
  rates = $state.raw<ReadonlyMap<string, number>>(new Map());
  now = $state(Date.now());
  state = $state<JobState | null>(null);
  limit = $state(PAGE);
  #rates = new Rates();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #tables = 0;
  #turn = 0;
  #stopped = false;

  /** Seconds between looks. */
  get pause(): number {
    const { running = 0, queued = 0, worker = false } = this.status ?? {};
    return running || (queued && worker) ? BUSY : CALM;
  }

  /** Asks now, and again and again until `stop`; what is shown stays until the answer is there. */
  look = async (): Promise<void> => {
    const turn = ++this.#turn;
    clearTimeout(this.#timer);
    if (!document.hidden) await this.#ask(turn);
    if (turn !== this.#turn || this.#stopped) return;
    this.#timer = setTimeout(this.look, this.pause * 1000);
  };

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  show(state: JobState | null): void {
    if (state === this.state) return;
    this.state = state;
    this.limit = PAGE;
    void this.look();
  }

  more(): void {
    this.limit = Math.min(200, this.limit + PAGE);
    void this.look();
  }

  async #ask(turn: number): Promise<void> {
    const tables = Date.now() - this.#tables >= TABLES;
    try {
      const [status, jobs] = await Promise.all([fetchStatus(), fetchJobs(this.state, this.limit)]);
      const rest = tables
        ? await Promise.all([fetchHosts(), fetchCoverage(), fetchVersions()])
        : null;
      if (turn !== this.#turn) return;
      this.status = status;
      this.jobs = jobs;
      if (rest) {
        [this.hosts, this.coverage, versions.value] = rest;
        this.#tables = Date.now();
      }
      this.problem = null;
      this.now = Date.now();
      this.#rate(jobs.jobs);
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error;
      if (turn === this.#turn) this.problem = error;
    }
  }

  #rate(jobs: readonly Job[]): void {
    const running = jobs.filter((job) => job.state === "running");
    this.#rates.keep(running.map((job) => job.id));
    const rates = new Map<string, number>();
    for (const job of running) {
      const rate = this.#rates.look(job.id, job.done, this.now);
      if (rate) rates.set(job.id, rate);
    }
    this.rates = rates;
  }
}
