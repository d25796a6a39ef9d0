// What the suite inside VS Code hands to the runner outside.

export interface HostReport {
  passed: string[];
  failed: { title: string; message: string }[];
}
