$ flows explain --manifests manifests/world.yaml manifests/policies.yaml --from 203.0.113.7 --to prod/db --port 5432
✓ ALLOWED  203.0.113.7 → prod/db  TCP port 5432

  from  203.0.113.7: outside of the cluster
  to    prod/db: pod; labels app=db; labels of namespace prod team=shop; node n1; 10.1.0.5

Egress of 203.0.113.7: ALLOWED, no policy applies outside of the cluster

Ingress of prod/db: ALLOWED, by prod/restrict-traffic
  NetworkPolicy  2 policies select it, and one that allows is enough
    ✗ prod/default-deny      selects every pod of namespace prod; lists no ingress rule, so it
                             admits nobody
          manifests/policies.yaml:4  spec:
          manifests/policies.yaml:5    podSelector: {}
          manifests/policies.yaml:6    policyTypes: [Ingress]
    ✓ prod/restrict-traffic  selects pods app=db of namespace prod; allows it by ingress[0] from[1]
                             ports[0]
      ingress[0] matches and allows
        ✗ from[0]  wants every pod of namespaces team=database, but 203.0.113.7 is no pod
        ✓ from[1]  address in 203.0.113.0/24 except 203.0.113.128/25
        ✓ ports[0]  TCP port 5432
          manifests/policies.yaml:19  - from:
          manifests/policies.yaml:20    - namespaceSelector: {matchLabels: {team: database}}
          manifests/policies.yaml:21    - ipBlock:
          manifests/policies.yaml:22        cidr: 203.0.113.0/24
          manifests/policies.yaml:23        except: [203.0.113.128/25]
          manifests/policies.yaml:24    ports:
          manifests/policies.yaml:25    - port: 5432
      ingress[1] does not match
        ✗ from[0]  wants pods app=web of namespace prod, but 203.0.113.7 is no pod
        ✓ ports[0]  TCP port named sql
    - prod/web  does not select it: wants pod app=web, but prod/db has app=db
                (manifests/policies.yaml:35)
exit 0

$ flows explain --manifests manifests/world.yaml manifests/policies.yaml --from 203.0.113.200 --to prod/db --port 5432
✗ DENIED  203.0.113.200 → prod/db  TCP port 5432

  from  203.0.113.200: outside of the cluster
  to    prod/db: pod; labels app=db; labels of namespace prod team=shop; node n1; 10.1.0.5

Egress of 203.0.113.200: ALLOWED, no policy applies outside of the cluster

Ingress of prod/db: DENIED, no rule admits 203.0.113.200
  NetworkPolicy  2 policies select it, and none allows 203.0.113.200
    ✗ prod/default-deny      selects every pod of namespace prod; lists no ingress rule, so it
                             admits nobody
          manifests/policies.yaml:4  spec:
          manifests/policies.yaml:5    podSelector: {}
          manifests/policies.yaml:6    policyTypes: [Ingress]
    ✗ prod/restrict-traffic  selects pods app=db of namespace prod; no rule matches
      ingress[0] does not match
        ✗ from[0]  wants every pod of namespaces team=database, but 203.0.113.200 is no pod
        ✗ from[1]  wants address in 203.0.113.0/24 except 203.0.113.128/25, but it is 203.0.113.200,
                   which 203.0.113.128/25 excepts
        ✓ ports[0]  TCP port 5432
          manifests/policies.yaml:19  - from:
          manifests/policies.yaml:20    - namespaceSelector: {matchLabels: {team: database}}
          manifests/policies.yaml:21    - ipBlock:
          manifests/policies.yaml:22        cidr: 203.0.113.0/24
          manifests/policies.yaml:23        except: [203.0.113.128/25]
          manifests/policies.yaml:24    ports:
          manifests/policies.yaml:25    - port: 5432
      ingress[1] does not match
        ✗ from[0]  wants pods app=web of namespace prod, but 203.0.113.200 is no pod
        ✓ ports[0]  TCP port named sql
    - prod/web  does not select it: wants pod app=web, but prod/db has app=db
                (manifests/policies.yaml:35)

What would allow it
  • add address in 203.0.113.200/32 to ingress[0].from of prod/restrict-traffic
exit 1

$ flows explain --manifests manifests/world.yaml manifests/policies.yaml --from prod/web --to 198.51.100.1 --port 443
✗ DENIED  prod/web → 198.51.100.1  TCP port 443

  from  prod/web: pod; labels app=web; labels of namespace prod team=shop; node n2; 10.1.0.6
  to    198.51.100.1: outside of the cluster

Egress of prod/web: DENIED, no rule admits 198.51.100.1
  NetworkPolicy  1 policy selects it, and none allows 198.51.100.1
    ✗ prod/web  selects pods app=web of namespace prod; no rule matches
      egress[0] does not match
        ✗ to[0]  wants pods app=db of namespace prod, but 198.51.100.1 is no pod
        ✗ ports[0]  wants TCP port 5432, but it is TCP port 443
        ✗ ports[1]  wants TCP port named metrics, but 198.51.100.1 has no TCP port named metrics
          manifests/policies.yaml:39  - to: [{podSelector: {matchLabels: {app: db}}}]
          manifests/policies.yaml:40    ports: [{port: 5432}, {port: metrics}]
    - prod/default-deny      says nothing about egress
    - prod/restrict-traffic  does not select it: wants pod app=db, but prod/web has app=web
                             (manifests/policies.yaml:14)

Ingress of 198.51.100.1: ALLOWED, no policy applies outside of the cluster

What would allow it
  • add an egress rule to prod/web: to address in 198.51.100.1/32, TCP port 443
exit 1
