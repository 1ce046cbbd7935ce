#!/usr/bin/env bash
# Sourced by demo and e2e: what they do with the testbed's Neo4j and the operator. The caller sets NS.
: "${NS:?}"

# cypher POD STATEMENT: the first column of the first row
cypher() {
    local address reply
    address=$(kubectl get pod -n "$NS" "$1" -o jsonpath='{.status.podIP}')
    reply=$(curl -sf -m 240 -H 'Content-Type: application/json' "http://$address:7474/db/data/transaction/commit" \
        -d "{\"statements\":[{\"statement\":\"$2\"}]}")
    jq -er 'if (.errors | length) > 0 then error(.errors[0].message) else (.results[0].data[0].row[0] // "" | tostring) end' <<< "$reply"
}

# leader: the name of the core that takes writes
leader() {
    local pod address
    for _ in $(seq 60); do
        for pod in core-0 core-1; do
            address=$(kubectl get pod -n "$NS" "$pod" -o jsonpath='{.status.podIP}')
            [ "$(curl -s -m 2 "http://$address:7474/db/manage/server/core/writable")" != true ] || { echo "$pod"; return; }
        done
        sleep 1
    done
    echo "no core takes writes" >&2
    return 1
}
# on_leader STATEMENT: the first column of the first row, from the core that takes writes. On a busy machine another core may become
# the leader between the question and the statement, which the old leader then refuses; so the statement is tried three times. One
# whose answer alone was lost is carried out twice.
on_leader() {
    local core
    for _ in 1 2 3; do
        core=$(leader) || return 1
        ! cypher "$core" "$1" || return 0
        sleep 2
    done
    return 1
}

# install_operator NAMESPACE [FLAG...]: the chart with these flags of Helm, into a namespace that enforces the restricted Pod Security Standard. The annotation
# makes a new pod, since the image may be another under the same tag.
install_operator() {
    kubectl create namespace "$1" --dry-run=client -o yaml | kubectl apply -f - > /dev/null
    kubectl label namespace "$1" pod-security.kubernetes.io/enforce=restricted --overwrite > /dev/null
    helm upgrade --install neo4j-backup-operator helm/neo4j-backup-operator -n "$1" --wait --timeout 120s \
        --set image.repository="${OPERATOR_IMAGE%:*}" --set image.tag="${OPERATOR_IMAGE##*:}" --set image.pullPolicy=IfNotPresent \
        --set runnerImage.repository="${RUNNER_IMAGE%:*}" --set runnerImage.tag="${RUNNER_IMAGE##*:}" \
        --set runnerImage.pullPolicy=IfNotPresent --set-string podAnnotations.installed="$(date +%s)" \
        "${@:2}" > /dev/null || { kubectl get pods,events -n "$1"; return 1; }
}

# server NAME DATA [INIT [VOLUMES]]: a single Neo4j server. DATA: the volume of its data, such as "emptyDir: {}"; INIT: its init
# containers, and VOLUMES: the volumes that those have mounted beside `data`. All are flow YAML.
server() {
    kubectl delete pod -n "$NS" "$1" --ignore-not-found --grace-period=1 > /dev/null
    kubectl apply -n "$NS" -f - > /dev/null <<Y
apiVersion: v1
kind: Pod
metadata: {name: $1}
spec:
  restartPolicy: Never
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: 30
  securityContext: {runAsNonRoot: true, runAsUser: 7474, runAsGroup: 7474, fsGroup: 7474, seccompProfile: {type: RuntimeDefault}}
  volumes: [{name: data, $2}, {name: conf, configMap: {name: neo4j}}${4:+, $4}]
  initContainers: [${3:-}]
  containers:
  - name: neo4j
    image: $NEO4J_IMAGE
    imagePullPolicy: IfNotPresent
    args: [-c, dbms.mode=SINGLE, -c, "dbms.directories.data=/data"]
    securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
    resources: {limits: {memory: 900Mi}}
    volumeMounts: [{name: conf, mountPath: /conf}, {name: data, mountPath: /data}]
    readinessProbe: {httpGet: {path: /, port: 7474}, periodSeconds: 1, failureThreshold: 100}
Y
    kubectl wait -n "$NS" --for=condition=Ready "pod/$1" --timeout=120s > /dev/null ||
        { kubectl describe pod -n "$NS" "$1"; kubectl logs -n "$NS" "$1" --all-containers --tail=20; return 1; }
}

# restored_server NAME CLAIM DATABASE SOURCE [CHAIN]: a fresh single Neo4j server that starts on what was restored. Its data
# lies in the claim DATA_CLAIM, or goes with the pod. With an ENDPOINT, what is restored lies in the bucket of
# docs/samples/s3-storage.yaml there, and CLAIM is the Secret with its key.
restored_server() {
    local data='emptyDir: {}' backup="persistentVolumeClaim: {claimName: $2}" trusted='emptyDir: {}' from='"--in","/backup/neo4j"'
    [ -z "${DATA_CLAIM:-}" ] || data="persistentVolumeClaim: {claimName: $DATA_CLAIM}"
    if [ -n "${ENDPOINT:-}" ]; then
        backup="secret: {secretName: $2}"
        trusted='configMap: {name: storage-ca}'
        from="\"--s3-bucket\",\"backups\",\"--s3-prefix\",\"neo4j\",\"--s3-endpoint\",\"$ENDPOINT\""
        from+=',"--s3-ca-file","/trusted/ca.crt","--credentials-dir","/backup"'
    fi
    local args="\"restore\",$from,\"--source\",\"$4\",\"--database\",\"$3\",\"--to\",\"/data/databases/$3\""
    [ -z "${5:-}" ] || args+=",\"--chain\",\"$5\""
    server "$1" "$data" "{name: restore, image: $RUNNER_IMAGE, imagePullPolicy: IfNotPresent, args: [$args],
        securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}, resources: {limits: {memory: 128Mi}},
        volumeMounts: [{name: backup, mountPath: /backup}, {name: trusted, mountPath: /trusted}, {name: data, mountPath: /data}]}" \
        "{name: backup, $backup}, {name: trusted, $trusted}"
}
