/** Calls of the status page, and what it may do with the operator's token. */
import { answer, client } from "../client";
import type { Get } from "../types";

export type Status = Get<"/api/v1/status">;
export type Stage = Status["stages"][number];
export type Jobs = Get<"/api/v1/jobs">;
export type Job = Jobs["jobs"][number];
export type JobState = Job["state"];
export type JobDetail = Get<"/api/v1/jobs/{job_id}">;
export type Hosts = Get<"/api/v1/hosts">;
export type Coverage = Get<"/api/v1/coverage">;
export type Dataset = Coverage["datasets"][number];

export const STATES = ["running", "queued", "failed", "cancelled", "done"] as const;

export const fetchStatus = () => answer(client.GET("/api/v1/status"));
export const fetchHosts = () => answer(client.GET("/api/v1/hosts"));
export const fetchCoverage = () => answer(client.GET("/api/v1/coverage"));

export function fetchJobs(state: JobState | null, limit: number): Promise<Jobs> {
  const query = { limit, ...(state && { state: [state] }) };
  return answer(client.GET("/api/v1/jobs", { params: { query } }));
}

export function fetchJob(id: string): Promise<JobDetail> {
  return answer(client.GET("/api/v1/jobs/{job_id}", { params: { path: { job_id: id } } }));
}

const as = (token: string) => ({ Authorization: `Bearer ${token}` });

export function startJob(
  token: string,
  kind: "ingest" | "sync" | "download",
  args: Record<string, unknown>,
): Promise<JobDetail> {
  return answer(client.POST("/api/v1/jobs", { body: { kind, args }, headers: as(token) }));
}

export function retryJob(token: string, id: string): Promise<JobDetail> {
  const params = { path: { job_id: id } };
  return answer(client.POST("/api/v1/jobs/{job_id}/retry", { params, headers: as(token) }));
}

export function cancelJob(token: string, id: string): Promise<JobDetail> {
  const params = { path: { job_id: id } };
  return answer(client.POST("/api/v1/jobs/{job_id}/cancel", { params, headers: as(token) }));
}

export async function makeDefault(token: string, name: string): Promise<void> {
  const params = { path: { name } };
  await answer(client.POST("/api/v1/versions/{name}/default", { params, headers: as(token) }));
}
