#!/usr/bin/env bash
# Starts a real single-node Kubernetes on this machine: etcd, kube-apiserver, controller-manager, scheduler, kubelet with
# containerd, runc and bridge CNI, kube-proxy (nftables), CoreDNS. Needs root. A node that is up and well stays; one that
# is half up, after a killed run, is taken down first.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/testbed/env.sh
. "$here/env.sh"
ready() { kubectl get --raw /readyz --request-timeout=3s > /dev/null 2>&1; }
if ready && kubectl wait --for=condition=Ready node/node1 --timeout=5s > /dev/null 2>&1; then
    echo "-- the testbed is up"
    exit 0
fi
"$here/down.sh"
NODE_IP=10.200.0.1 SERVICES=10.96.0 PODS=10.244.0
mkdir -p "$TB"/{pki,etc/cni,log,run,etcd}

# The node address lives on an own bridge (the kernel here has no dummy device), so that pods can reach the API server.
ip link show k8s0 >/dev/null 2>&1 || ip link add k8s0 type bridge
ip addr replace $NODE_IP/32 dev k8s0 && ip link set k8s0 up
sysctl -qw net.ipv4.ip_forward=1

cd "$TB/pki"
if [ ! -f ca.crt ]; then
  openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -subj /CN=testbed-ca -days 3650 2>/dev/null
  issue() { # name subject [subjectAltName]
    openssl req -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.csr" -subj "$2" 2>/dev/null
    openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -out "$1.crt" -days 3650 2>/dev/null \
      -extfile <(echo extendedKeyUsage=serverAuth,clientAuth; [ -z "${3:-}" ] || echo "subjectAltName=$3")
  }
  issue apiserver /CN=kube-apiserver "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:localhost,IP:127.0.0.1,IP:$SERVICES.1,IP:$NODE_IP"
  issue admin /O=system:masters/CN=admin
  issue kcm /CN=system:kube-controller-manager
  issue scheduler /CN=system:kube-scheduler
  issue kubelet /O=system:nodes/CN=system:node:node1 "DNS:node1,IP:$NODE_IP"
  issue proxy /CN=system:kube-proxy
  openssl genrsa -out sa.key 2048 2>/dev/null && openssl rsa -in sa.key -pubout -out sa.pub 2>/dev/null
  for user in admin kcm scheduler kubelet proxy; do
    cat > $user.conf <<K
apiVersion: v1
kind: Config
clusters: [{name: testbed, cluster: {server: "https://127.0.0.1:6443", certificate-authority: $TB/pki/ca.crt}}]
users: [{name: $user, user: {client-certificate: $TB/pki/$user.crt, client-key: $TB/pki/$user.key}}]
contexts: [{name: testbed, context: {cluster: testbed, user: $user}}]
current-context: testbed
K
  done
fi

cd "$TB"
# Every change of our objects, Jobs and pods, with the whole object as it then was: what tests/chaos and tests/bench judge by.
cat > etc/audit.yaml <<'C'
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
omitManagedFields: true
rules:
- level: RequestResponse
  verbs: [create, update, patch, delete]
  resources:
  - {group: neo4jbackup.dev}
  - {group: batch, resources: [jobs]}
  - {group: "", resources: [pods, pods/status]}
- level: None
C
background() { local name=$1; shift; setsid nohup "$@" > "log/$name.log" 2>&1 < /dev/null & echo $! > "run/$name.pid"; }
background etcd etcd --data-dir "$TB/etcd" --unsafe-no-fsync \
  --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 --listen-peer-urls http://127.0.0.1:2380
background apiserver "$BIN/kube-apiserver" --etcd-servers=http://127.0.0.1:2379 --advertise-address=$NODE_IP \
  --client-ca-file=pki/ca.crt --tls-cert-file=pki/apiserver.crt --tls-private-key-file=pki/apiserver.key \
  --service-account-key-file=pki/sa.pub --service-account-signing-key-file=pki/sa.key \
  --service-account-issuer=https://kubernetes.default.svc --authorization-mode=Node,RBAC \
  --enable-admission-plugins=NodeRestriction --feature-gates=MutatingAdmissionPolicy=true \
  --runtime-config=admissionregistration.k8s.io/v1beta1=true --service-cluster-ip-range=$SERVICES.0/24 --allow-privileged=true \
  --kubelet-client-certificate=pki/admin.crt --kubelet-client-key=pki/admin.key --kubelet-preferred-address-types=InternalIP \
  --audit-policy-file=etc/audit.yaml --audit-log-path=log/audit.log --audit-log-maxsize=1000

cat > etc/cni/10-bridge.conflist <<C
{"cniVersion":"0.4.0","name":"pods","plugins":[
 {"type":"bridge","bridge":"cni0","isGateway":true,"ipMasq":true,"hairpinMode":true,
  "ipam":{"type":"host-local","ranges":[[{"subnet":"$PODS.0/24"}]],"routes":[{"dst":"0.0.0.0/0"}]}},
 {"type":"portmap","capabilities":{"portMappings":true}}]}
C
cat > etc/containerd.toml <<C
version = 2
root = "$TB/containerd"
state = "$TB/run/containerd"
[grpc]
  address = "$TB/run/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$TB/etc/cni"
C
background containerd containerd -c etc/containerd.toml
cat > etc/kubelet.yaml <<C
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $TB/pki/ca.crt}}
authorization: {mode: Webhook}
cgroupDriver: cgroupfs
failSwapOn: false
failCgroupV1: false
containerRuntimeEndpoint: unix://$TB/run/containerd.sock
tlsCertFile: $TB/pki/kubelet.crt
tlsPrivateKeyFile: $TB/pki/kubelet.key
clusterDNS: ["$SERVICES.10"]
clusterDomain: cluster.local
resolvConf: ""
evictionHard: {nodefs.available: "1%", imagefs.available: "1%", memory.available: "100Mi"}
# On a disk that is nearly full kubelet would remove images that no pod uses at the moment, and none can be pulled here again.
imageGCHighThresholdPercent: 100
C
# An answer alone says little: before the server is ready it refuses the addresses of Services.
for _ in $(seq 240); do ! ready || break; sleep 0.5; done
ready || { echo "kube-apiserver is not ready; see $TB/log/apiserver.log" >&2; exit 1; }
background kcm "$BIN/kube-controller-manager" --kubeconfig=pki/kcm.conf --leader-elect=false --use-service-account-credentials \
  --service-account-private-key-file=pki/sa.key --root-ca-file=pki/ca.crt \
  --cluster-signing-cert-file=pki/ca.crt --cluster-signing-key-file=pki/ca.key
background scheduler "$BIN/kube-scheduler" --kubeconfig=pki/scheduler.conf --leader-elect=false
background kubelet "$BIN/kubelet" --config=etc/kubelet.yaml --kubeconfig=pki/kubelet.conf --hostname-override=node1 \
  --node-ip=$NODE_IP --root-dir="$TB/kubelet"
background proxy "$BIN/kube-proxy" --kubeconfig=pki/proxy.conf --hostname-override=node1 --proxy-mode=nftables \
  --cluster-cidr=$PODS.0/24 --conntrack-max-per-core=0 --conntrack-tcp-timeout-established=0 --conntrack-tcp-timeout-close-wait=0

# Cluster DNS: CoreDNS runs beside the node; a Service without selector points at it.
cat > etc/Corefile <<C
.:53 {
    bind $NODE_IP
    errors
    kubernetes cluster.local in-addr.arpa {
        kubeconfig $TB/pki/admin.conf testbed
    }
}
C
background coredns "$BIN/coredns" -conf etc/Corefile
cat <<Y | kubectl apply -f - > /dev/null
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system}
spec: {clusterIP: $SERVICES.10, ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53, protocol: TCP}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: kube-dns-1, namespace: kube-system, labels: {kubernetes.io/service-name: kube-dns}}
addressType: IPv4
ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53, protocol: TCP}]
endpoints: [{addresses: ["$NODE_IP"]}]
Y
# `kubectl wait` fails at once for a node that has not registered yet.
for _ in $(seq 240); do ! kubectl get node node1 > /dev/null 2>&1 || break; sleep 0.5; done
kubectl wait --for=condition=Ready node/node1 --timeout=120s
kubectl apply -f - > /dev/null <<'Y'
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: local}
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
Y
