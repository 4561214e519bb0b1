$ flows eval --manifests manifests/world.yaml manifests/policies.yaml --from ci/build --to prod/db --port 5432
✗ DENIED  ci/build → prod/db  TCP port 5432

Egress of ci/build: ALLOWED, no policy isolates it
Ingress of prod/db: DENIED, no rule admits ci/build
  NetworkPolicy  2 policies select it, and none allows ci/build
    ✗ prod/default-deny      lists no ingress rule, so it admits nobody
    ✗ prod/restrict-traffic  ingress[0] from[0] wants namespace team=database, but ci has team=build
exit 1

$ flows eval --manifests manifests/world.yaml manifests/policies.yaml --from prod/web --to prod/db --port 5432
✓ ALLOWED  prod/web → prod/db  TCP port 5432

Egress of prod/web: ALLOWED, by prod/web
  NetworkPolicy  1 policy selects it, and one that allows is enough
    ✓ prod/web  allows it by egress[0] to[0] ports[0]
Ingress of prod/db: ALLOWED, by prod/restrict-traffic
  NetworkPolicy  2 policies select it, and one that allows is enough
    ✓ prod/restrict-traffic  allows it by ingress[1] from[0] ports[0]
exit 0

$ flows eval --manifests manifests/world.yaml manifests/tiers.yaml manifests/policies.yaml --from prod/web --to prod/db --port 5432
✓ ALLOWED  prod/web → prod/db  TCP port 5432

Egress of prod/web: ALLOWED, by prod/web
  NetworkPolicy  1 policy selects it, and one that allows is enough
    ✓ prod/web  allows it by egress[0] to[0] ports[0]
Ingress of prod/db: ALLOWED, by prod/restrict-traffic
  Admin tier     leaves it to the next tier
    ↓ ClusterNetworkPolicy guard  priority 10: leaves it to the next tier by ingress[0] from[0]
  NetworkPolicy  2 policies select it, and one that allows is enough
    ✓ prod/restrict-traffic  allows it by ingress[1] from[0] ports[0]
exit 0

$ flows eval --manifests manifests/world.yaml --from ci/build --to prod/db
✓ ALLOWED  ci/build → prod/db  TCP

Egress of ci/build: ALLOWED, no policy isolates it
Ingress of prod/db: ALLOWED, no policy isolates it
exit 0

$ flows eval --manifests manifests/world.yaml manifests/policies.yaml --from prod/web --to 10.1.2.99 --port 5432
? UNKNOWN  prod/web → 10.1.2.99  TCP port 5432

Egress of prod/web: UNKNOWN, it depends on what is not known, or not defined
  NetworkPolicy  cannot be decided
    ? prod/web  depends on what is not known
Ingress of 10.1.2.99: UNKNOWN, it is not known who that is

What is not known
  • An address lies in the cluster, but no pod, node or Service of the manifests has it.
exit 3
