$ flows explain --manifests manifests/world.yaml manifests/policies.yaml --from ci/build --to prod/db
✗ DENIED  ci/build → prod/db  TCP

  from  ci/build: pod; labels app=build; labels of namespace ci team=build; node n2; 10.1.0.7
  to    prod/db: pod; labels app=db; labels of namespace prod team=shop; node n1; 10.1.0.5

Egress of ci/build: ALLOWED, no policy isolates it

Ingress of prod/db: DENIED, no rule admits ci/build
  NetworkPolicy  2 policies select it, and none allows ci/build
    ✗ prod/default-deny      selects every pod of namespace prod; lists no ingress rule, so it
                             admits nobody
          manifests/policies.yaml:4  spec:
          manifests/policies.yaml:5    podSelector: {}
          manifests/policies.yaml:6    policyTypes: [Ingress]
    ✗ prod/restrict-traffic  selects pods app=db of namespace prod; no rule matches
      ingress[0] does not match
        ✗ from[0]  wants namespace team=database, but ci has team=build
        ✗ from[1]  wants address in 203.0.113.0/24 except 203.0.113.128/25, but ci/build is 10.1.0.7
        ? ports[0]  TCP port 5432: no port was given
          manifests/policies.yaml:19  - from:
          manifests/policies.yaml:20    - namespaceSelector: {matchLabels: {team: database}}
          manifests/policies.yaml:21    - ipBlock:
          manifests/policies.yaml:22        cidr: 203.0.113.0/24
          manifests/policies.yaml:23        except: [203.0.113.128/25]
          manifests/policies.yaml:24    ports:
          manifests/policies.yaml:25    - port: 5432
      ingress[1] does not match
        ✗ from[0]  wants namespace prod, but ci/build is in ci
          from[0]  wants pod app=web, but ci/build has app=build
        ? ports[0]  TCP port named sql: no port was given
    - prod/web  does not select it: wants pod app=web, but prod/db has app=db
                (manifests/policies.yaml:35)

What would allow it
  • add an ingress rule to prod/restrict-traffic: from pods app=build of namespace ci, any TCP port
  • add a NetworkPolicy that isolates prod/db for ingress and allows it from pods app=build of
    namespace ci, any TCP port
exit 1

$ flows explain --manifests manifests/world.yaml manifests/policies.yaml --from prod/web --to 10.1.2.99 --port 5432
? UNKNOWN  prod/web → 10.1.2.99  TCP port 5432

  from  prod/web: pod; labels app=web; labels of namespace prod team=shop; node n2; 10.1.0.6
  to    10.1.2.99: of the cluster, not known who

Egress of prod/web: UNKNOWN, it depends on what is not known, or not defined
  NetworkPolicy  cannot be decided
    ? prod/web  selects pods app=web of namespace prod; depends on what is not known
      egress[0] may match
        ? to[0]  pods app=db of namespace prod: it is not known who that is
        ✓ ports[0]  TCP port 5432
        ? ports[1]  TCP port named metrics: it is not known who that is
          manifests/policies.yaml:39  - to: [{podSelector: {matchLabels: {app: db}}}]
          manifests/policies.yaml:40    ports: [{port: 5432}, {port: metrics}]
    - prod/default-deny      says nothing about egress
    - prod/restrict-traffic  does not select it: wants pod app=db, but prod/web has app=web
                             (manifests/policies.yaml:14)

Ingress of 10.1.2.99: UNKNOWN, it is not known who that is

What is not known
  • An address lies in the cluster, but no pod, node or Service of the manifests has it.
    end-unknown
exit 3
