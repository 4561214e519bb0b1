$ flows explain --manifests manifests/world.yaml - --from ci/build --to prod/api[Deployment] --port 8080 < manifests/policies.yaml
✗ DENIED  ci/build → prod/api[Deployment]  TCP port 8080

  from  ci/build: pod; labels app=build; labels of namespace ci team=build; node n2; 10.1.0.7
  to    prod/api[Deployment]: any pod of its template; labels app=api; labels of namespace prod
        team=shop; Deployment api; no address

Egress of ci/build: ALLOWED, no policy isolates it

Ingress of prod/api[Deployment]: DENIED, no rule admits ci/build
  NetworkPolicy  1 policy selects it, and none allows ci/build
    ✗ prod/default-deny  selects every pod of namespace prod; lists no ingress rule, so it admits
                         nobody
          <stdin>:4  spec:
          <stdin>:5    podSelector: {}
          <stdin>:6    policyTypes: [Ingress]
    - prod/restrict-traffic  does not select it: wants pod app=db, but prod/api[Deployment] has
                             app=api (<stdin>:14)
    - prod/web               does not select it: wants pod app=web, but prod/api[Deployment] has
                             app=api (<stdin>:35)

What would allow it
  • add a NetworkPolicy that isolates prod/api[Deployment] for ingress and allows it from pods
    app=build of namespace ci, TCP port 8080
exit 1
