//! Indexed Jobs of Kubernetes.

use std::path::{Path, PathBuf};

use anyhow::anyhow;

use super::launch::{Array, Launch};
use crate::exit_code::bad_input;

/// How often an index is tried whose pod failed, with pauses of 10, 20, 40, … seconds that Kubernetes makes.
const BACKOFF_LIMIT: usize = 6;

/// Pods of a Job at a time, where the cluster has no lower limit.
const PARALLELISM: usize = 100;

/// The manifest: a Job for each array, all but those of the first stage suspended.
///
/// # Errors
/// Bad input when no one volume can hold the sweep and the files that it names.
pub fn manifest(launch: &Launch) -> anyhow::Result<String> {
    let mount = common(&launch.sweep, &launch.working_directory).ok_or_else(|| {
        bad_input(anyhow!(
            "{} and the folder that it was planned in, {}, are not on one volume: plan it in a folder of the volume that \
             pods mount, with the sweep below it",
            launch.sweep.display(),
            launch.working_directory.display()
        ))
    })?;
    let first = launch.arrays[0].stage;
    let jobs = launch.arrays.iter().map(|array| job(launch, array, array.stage != first, &mount));
    Ok(format!("{}{}", head(launch), jobs.collect::<Vec<_>>().join("---\n")))
}

fn head(launch: &Launch) -> String {
    let mut lines = vec![
        format!("Sweep {}.", launch.title),
        "To be filled in: image (with bert-heal on its PATH), and the claim of a volume that all nodes may write."
            .to_owned(),
        "Before it is applied again, for what is left: kubectl delete -f THIS.".to_owned(),
        "  kubectl apply -f THIS".to_owned(),
    ];
    let stages: Vec<&[Array]> = launch.arrays.chunk_by(|a, b| a.stage == b.stage).collect();
    if stages.len() > 1 {
        lines.push("Each stage is let go when the one before has ended, however it did:".to_owned());
        lines.push(
            "  ended() { until kubectl get job $1 -o jsonpath='{.status.conditions[?(@.status==\"True\")].type}' | \
             grep -Eqw 'Complete|Failed'; do sleep 10; done; }"
                .to_owned(),
        );
        lines.push("  release() { kubectl patch job $1 --type=merge -p '{\"spec\":{\"suspend\":false}}'; }".to_owned());
    }
    for pair in stages.windows(2) {
        let names = |word: &str, stage: &[Array]| -> Vec<String> {
            stage.iter().map(|array| format!("{word} {}", name(launch, array))).collect()
        };
        let steps = [names("ended", pair[0]), names("release", pair[1])].concat();
        lines.push(format!("  {}", steps.join("; ")));
    }
    lines.iter().flat_map(|line| ["# ", line.as_str(), "\n"]).collect()
}

fn job(launch: &Launch, array: &Array, is_suspended: bool, mount: &Path) -> String {
    let (stage, offset) = (array.stage.as_str(), array.offset);
    // An Indexed Job counts from 0 without gaps; tasks that have their result end at once.
    let n = array.indexes.last().map_or(0, |last| last + 1).min(array.len);
    let parallelism = n.min(PARALLELISM);
    let command = [
        "bert-heal",
        "sweep",
        "cell",
        &launch.sweep.display().to_string(),
        "--stage",
        stage,
        "--offset",
        &offset.to_string(),
        "--threads",
        &launch.n_cpus.to_string(),
    ]
    .map(json)
    .join(", ");
    let memory = launch.memory_mib.map(|mib| format!(", memory: {mib}Mi")).unwrap_or_default();
    let gpu = if launch.needs_gpu { "\n            limits: {nvidia.com/gpu: 1}" } else { "" };
    format!(
        r#"apiVersion: batch/v1
kind: Job
metadata:
  name: {name}
  labels: {{app.kubernetes.io/name: bert-heal, app.kubernetes.io/component: {stage}}}
spec:
  suspend: {is_suspended}
  completionMode: Indexed
  completions: {n}
  parallelism: {parallelism}
  # Exit code 75, a process that was killed, and everything unexpected: again, each index so often, ever later.
  backoffLimitPerIndex: {BACKOFF_LIMIT}
  # No second pod before the first has ended; on a node that is lost it may live on, and the sweep's leases see to that.
  podReplacementPolicy: Failed
  podFailurePolicy:
    rules:
      # Evicted, pre-empted or lost with its node: this does not count.
      - action: Ignore
        onPodConditions: [{{type: DisruptionTarget, status: "True"}}]
      # 4: it was told to stop, and has saved.
      - action: Ignore
        onExitCodes: {{containerName: cell, operator: In, values: [4]}}
      # 2: the input is bad; 3: the cell failed. Once more would be the same; the others go on.
      - action: FailIndex
        onExitCodes: {{containerName: cell, operator: In, values: [2, 3]}}
  template:
    metadata:
      labels: {{app.kubernetes.io/name: bert-heal, app.kubernetes.io/component: {stage}}}
    spec:
      restartPolicy: Never
      # For the step that is under way, and for saving.
      terminationGracePeriodSeconds: 60
      containers:
        - name: cell
          image: IMAGE
          command: [{command}]
          resources:
            requests: {{cpu: {cpus}{memory}}}{gpu}
          volumeMounts:
            - {{name: sweep, mountPath: {mount}}}
      volumes:
        - name: sweep
          persistentVolumeClaim: {{claimName: CLAIM}}
"#,
        name = name(launch, array),
        cpus = json(&launch.n_cpus.to_string()),
        mount = json(&mount.display().to_string()),
    )
}

fn name(launch: &Launch, array: &Array) -> String {
    let end = if array.offset > 0 { format!("-{}", array.offset) } else { String::new() };
    format!("{}-{}{end}", launch.label, array.stage.as_str())
}

/// The innermost folder that holds both, if it is not the root.
fn common(a: &Path, b: &Path) -> Option<PathBuf> {
    let common = a.ancestors().find(|folder| b.starts_with(folder))?;
    (common.parent().is_some()).then(|| common.to_owned())
}

/// A string of JSON, which is one of YAML, too.
fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::super::launch::tests::launch;
    use super::*;
    use serde_json::{Value, json};

    /// The Jobs of a manifest, read as YAML.
    fn jobs(launch: &Launch) -> Vec<Value> {
        let text = manifest(launch).unwrap();
        text.split("---\n").map(|job| serde_saphyr::from_str(job).unwrap()).collect()
    }

    #[test]
    fn each_array_is_an_indexed_job_and_later_stages_wait() {
        let jobs = jobs(&launch());
        let numbers: Vec<_> = jobs.iter().map(|job| (&job["spec"]["completions"], &job["spec"]["suspend"])).collect();
        assert_eq!(numbers, [(&json!(2), &json!(false)), (&json!(5), &json!(true)), (&json!(2), &json!(true))]);
        let names: Vec<_> = jobs.iter().map(|job| job["metadata"]["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["levels-0a1b2c-healthy", "levels-0a1b2c-cells", "levels-0a1b2c-cells-10"]);
        for job in &jobs {
            assert_eq!((&job["apiVersion"], &job["kind"]), (&json!("batch/v1"), &json!("Job")));
            let spec = &job["spec"];
            assert_eq!(spec["completionMode"], "Indexed");
            assert_eq!(spec["backoffLimitPerIndex"], 6);
            // A podFailurePolicy is only accepted with it.
            assert_eq!(spec["template"]["spec"]["restartPolicy"], "Never");
            let actions: Vec<_> =
                spec["podFailurePolicy"]["rules"].as_array().unwrap().iter().map(|rule| &rule["action"]).collect();
            assert_eq!(actions, ["Ignore", "Ignore", "FailIndex"]);
        }
    }

    #[test]
    fn a_pod_sees_the_sweep_and_the_folder_it_was_planned_in() {
        let pod = &jobs(&launch())[2]["spec"]["template"]["spec"];
        let cell = &pod["containers"][0];
        let words: Vec<&str> = cell["command"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
        let expected = [
            "bert-heal",
            "sweep",
            "cell",
            "/shared/it's 100 %/levels",
            "--stage",
            "cells",
            "--offset",
            "10",
            "--threads",
            "4",
        ];
        assert_eq!(words, expected);
        assert_eq!(cell["volumeMounts"][0]["mountPath"], "/shared/it's 100 %");
        assert_eq!(
            cell["resources"],
            json!({"requests": {"cpu": "4", "memory": "512Mi"}, "limits": {"nvidia.com/gpu": 1}})
        );
        let mut elsewhere = launch();
        elsewhere.working_directory = PathBuf::from("/home/me");
        assert!(manifest(&elsewhere).unwrap_err().to_string().contains("not on one volume"));
    }
}
